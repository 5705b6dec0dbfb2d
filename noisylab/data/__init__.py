"""Data sets as uint8 arrays, wrapping of other people's data sets, augmentation, and batch composition."""

from noisylab.corruption.wrapping import CorruptedDataset
from noisylab.data.batches.samplers import LastBatchSampler, PlainSampler, SameClassSampler, TwinSampler
from noisylab.data.image_data import ImageData, load_data

__all__ = [
    "CorruptedDataset",
    "ImageData",
    "LastBatchSampler",
    "PlainSampler",
    "SameClassSampler",
    "TwinSampler",
    "load_data",
]
