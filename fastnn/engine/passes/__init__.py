"""Graph passes: each a function Body -> Body, small, named, tested alone, and switchable for debugging."""

from .body import Body
from .chains import fuse_chains
from .epilogues import fuse_epilogues
from .normalised import fuse_normalised
from .pairs import fuse_pairs
from .pooled import mask_before_unpooling
from .simplify import fold_constants, remove_dead_code, share_common, simplify_algebra
from .sums import fuse_sums
from .sweeps import fuse_sweeps
from .updates import fuse_updates

PASSES = {
    "remove_dead_code": remove_dead_code,
    "fold_constants": fold_constants,
    "simplify_algebra": simplify_algebra,
    "share_common": share_common,
    "mask_before_unpooling": mask_before_unpooling,
    "fuse_epilogues": fuse_epilogues,
    "fuse_normalised": fuse_normalised,
    "fuse_pairs": fuse_pairs,
    "fuse_chains": fuse_chains,
    "fuse_sums": fuse_sums,
    "fuse_updates": fuse_updates,
    "fuse_sweeps": fuse_sweeps,
}

switched_off = set()  # names of passes to leave out, for debugging


def optimise(body):
    """`body` after every pass that is not switched off, in order."""
    for name, one in PASSES.items():
        if name not in switched_off:
            body = one(body)
    return remove_dead_code(body)


__all__ = ["PASSES", "Body", "optimise", "switched_off"]
