# Written by `make stubs`.
from .batches.batch import Batch as Batch
from .batches.loader import TrainingSet as TrainingSet
from .batches.samplers import DelayedSampler as DelayedSampler
from .batches.samplers import LastBatchSampler as LastBatchSampler
from .batches.samplers import PlainSampler as PlainSampler
from .batches.samplers import SameClassSampler as SameClassSampler
from .batches.samplers import ShuffledIds as ShuffledIds
from .batches.samplers import TwinSampler as TwinSampler
from .image_data import ImageData as ImageData
from .image_data import load_data as load_data
from .map_style import from_datasets as from_datasets
