import sys
import numpy as np

theirs, ours = np.load(sys.argv[1]), np.load(sys.argv[2])
assert sorted(theirs.files) == sorted(ours.files)
for name in theirs.files:
    a, b = theirs[name], ours[name]
    assert a.dtype.newbyteorder("=") == b.dtype.newbyteorder("=") and a.shape == b.shape and np.array_equal(a, b), name
