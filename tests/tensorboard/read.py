"""Reads the event files of a folder with TensorBoard's own reader and prints what it found as JSON: `read.py FOLDER`."""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "images": 0, "histograms": 0, "tensors": 0})
events.Reload()
tags = events.Tags()
found = {
    "scalars": {tag: [[one.step, one.value] for one in events.Scalars(tag)] for tag in tags["scalars"]},
    "images": {tag: [[one.step, one.width, one.height, one.encoded_image_string[:8].hex()] for one in events.Images(tag)] for tag in tags["images"]},
    "histograms": {
        tag: [[one.step, one.histogram_value.num, one.histogram_value.min, one.histogram_value.max, sum(one.histogram_value.bucket)] for one in events.Histograms(tag)]
        for tag in tags["histograms"]
    },
    "texts": {tag: [one.tensor_proto.string_val[0].decode() for one in events.Tensors(tag)] for tag in tags["tensors"]},
}
json.dump(found, sys.stdout)
