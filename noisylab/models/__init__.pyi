# Written by `make stubs`.
from .base import Backbone as Backbone
from .base import create_model as create_model
