"""Data sets as uint8 arrays, wrapping of other people's data sets, augmentation, and batch composition."""

from noisylab.data.base import ImageData, load_data
from noisylab.data.dataset import CorruptedDataset
from noisylab.data.samplers import LastBatchSampler, PlainSampler, SameClassSampler, TwinSampler

__all__ = [
    "CorruptedDataset",
    "ImageData",
    "LastBatchSampler",
    "PlainSampler",
    "SameClassSampler",
    "TwinSampler",
    "load_data",
]
