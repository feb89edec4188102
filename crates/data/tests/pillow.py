"""Writes pillow.txt, which the test of the resizer compares with: python3 pillow.py, with Pillow and numpy.

`cargo xtask golden` does it, too. A folder may be named to write to.
"""
import pathlib
import sys

import numpy as np
from PIL import Image

i = np.arange(37 * 23)
pixels = ((7 * i + 13 * (i // 37) ** 2) % 256).astype('f4').reshape(23, 37)
lines = []
for width, height in ((5, 4), (28, 28), (37, 23), (64, 9), (1, 1), (40, 2)):
    resized = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))
    lines.append(' '.join([str(width), str(height)] + [repr(float(value)) for value in resized.ravel()]))
folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
(folder / 'pillow.txt').write_text('\n'.join(lines) + '\n')
