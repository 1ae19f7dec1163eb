import sys
import numpy as np

r = np.random.default_rng(1)
shapes = [(), (1,), (7,), (0, 3), (3, 5), (2, 3, 4), (1, 2, 1, 3)]
arrays = {}
for t in ["<f2", "<f4", "<f8", ">f4", ">f8", "<i4", "<i8", ">i8", "?"]:
    for i, s in enumerate(shapes):
        a = np.asarray(r.normal(0, 10, s)).astype(t)
        arrays[f"{i}{t[1:] or 'b'}{'r' if t[0] == '>' else ''}"] = a
        arrays[f"{i}{t[1:] or 'b'}{'r' if t[0] == '>' else ''}c"] = np.asfortranarray(a)
np.savez(sys.argv[1], **arrays)
