"""Objects that `fit`, `evaluate` and `predict` call as they go."""

from fastmlp.callbacks.callback import Callback
from fastmlp.callbacks.callback_list import CallbackList
from fastmlp.callbacks.early_stopping import EarlyStopping
from fastmlp.callbacks.history import History
from fastmlp.callbacks.lambda_callback import LambdaCallback

__all__ = ["Callback", "CallbackList", "EarlyStopping", "History", "LambdaCallback"]
