/* pace.h - how many threads a plan really gains from, found out by running it.
 *
 * A cost model cannot know that another program holds the second core, that a container is throttled, or that
 * a virtual machine's threads share one core. So each plan starts with the team that its costs ask for, now and
 * then times a run with half or twice as many threads, and stays with the fastest. Results have the same bits
 * whatever is chosen.
 */
#ifndef FNN_PACE_H
#define FNN_PACE_H

enum { PACE_LEVELS = 8, PACE_FIRST = 2, PACE_LONGEST = 512 };

typedef struct {
    int threads[PACE_LEVELS]; /* of each level, from the whole team down to 1 */
    double ns[PACE_LEVELS];   /* a step at that level; 0 before it ran */
    int levels, best, countdown, interval, up;
} pace;

static inline void pace_start(pace *p, int team)
{
    *p = (pace){.countdown = PACE_FIRST, .interval = PACE_FIRST};
    while (p->levels < PACE_LEVELS - 1 && team > 1) {
        p->threads[p->levels++] = team;
        team /= 2;
    }
    p->threads[p->levels++] = 1;
}

/* The level of the next run: the best one, or one of its neighbours where it is time to try. */
static inline int pace_pick(pace *p)
{
    if (p->levels == 1 || p->ns[p->best] == 0.0 || p->countdown-- > 0)
        return p->best;
    p->up = !p->up;
    int level = p->up ? p->best - 1 : p->best + 1;
    if (level < 0 || level >= p->levels)
        level = p->up ? p->best + 1 : p->best - 1;
    return level;
}

static inline void pace_note(pace *p, int level, double ns)
{
    double *known = &p->ns[level];
    if (level == p->best) { /* falls fast, rises slowly: one interrupted run says little */
        *known = *known == 0.0 || ns < *known ? ns : *known + (ns - *known) / 8;
        return;
    }
    *known = ns;
    if (ns * 1.03 < p->ns[p->best]) {
        p->best = level;
        p->interval = PACE_FIRST;
    } else if (p->interval < PACE_LONGEST) {
        p->interval *= 2;
    }
    p->countdown = p->interval;
}

#endif
