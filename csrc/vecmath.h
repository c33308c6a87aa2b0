/* vecmath.h - exp, log and their kin on vector words. */
