"""Fills the holes of one picture with opencv-contrib's FSR and prints the seconds that it took.

usage: PYTHON fsr_worker.py PICTURE MASK OUTPUT    (PNG files; in MASK, 255 = damaged)

It runs under an interpreter of its own, because opencv-contrib-python and opencv-python cannot live in one
environment; so it imports nothing but cv2 and numpy.
"""

import sys
import time

import cv2
import numpy as np


def main(picture_file: str, mask_file: str, output_file: str) -> None:
    picture = np.asarray(cv2.imread(picture_file))
    damaged = np.asarray(cv2.imread(mask_file, cv2.IMREAD_GRAYSCALE)) > 0
    # Here 0 is damaged and everything else is valid (docs.opencv.org, cv::xphoto::inpaint).
    valid = np.where(damaged, 0, 255).astype(np.uint8)
    filled = np.zeros_like(picture)
    xphoto = getattr(cv2, "xphoto")  # noqa: B009 (the stubs of plain opencv-python, which types are checked with, lack it)
    began = time.perf_counter()
    xphoto.inpaint(picture, valid, filled, xphoto.INPAINT_FSR_FAST)
    print(time.perf_counter() - began)
    cv2.imwrite(output_file, filled)


if __name__ == "__main__":
    main(*sys.argv[1:])
