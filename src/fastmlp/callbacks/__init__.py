"""Objects that `fit`, `evaluate` and `predict` call as they go."""

from typing import TYPE_CHECKING

from fastmlp._late import import_late

if TYPE_CHECKING:
    from fastmlp.callbacks.backup_and_restore import BackupAndRestore
    from fastmlp.callbacks.callback import Callback
    from fastmlp.callbacks.callback_list import CallbackList
    from fastmlp.callbacks.csv_logger import CSVLogger
    from fastmlp.callbacks.early_stopping import EarlyStopping
    from fastmlp.callbacks.history import History
    from fastmlp.callbacks.lambda_callback import LambdaCallback
    from fastmlp.callbacks.learning_rate_scheduler import LearningRateScheduler
    from fastmlp.callbacks.model_checkpoint import ModelCheckpoint
    from fastmlp.callbacks.progbar_logger import ProgbarLogger
    from fastmlp.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
    from fastmlp.callbacks.remote_monitor import RemoteMonitor
    from fastmlp.callbacks.swap_ema_weights import SwapEMAWeights
    from fastmlp.callbacks.tensorboard import TensorBoard
    from fastmlp.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]

import_late()
