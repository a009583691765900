"""Names of Keras that are not here: what to do instead, or why."""

from __future__ import annotations

import re

_RANDOM = "use random.uniform(ops.shape(x)) < rate"
_WEIGHT = "use self.add_weight(…) of a layer"
_ASSIGN = "use variable.assign(…)"
_SESSION = "leave it out: there are no sessions"
_PHASE = "write call(self, x, training=False): layers are told"
_LOSSES = "use fastmlp.losses"
_PAIRS = "make the pairs with NumPy"
_WORDS = "split texts into words, then use layers.StringLookup and utils.pad_sequences"

# Module → name → hint.
GONE = {
    "backend": {
        "bias_add": "write x + bias",
        "binary_focal_crossentropy": _LOSSES,
        "categorical_focal_crossentropy": _LOSSES,
        "dropout": "use layers.Dropout",
        "flatten": "the batch stays the first axis; sums and means without axis take all elements",
        "foldl": "use ops.scan",
        "foldr": "use ops.scan",
        "function": "use Model(model.input, layer.output), which is called on arrays",
        "get_session": _SESSION,
        "get_uid": "leave it out: names are numbered by themselves",
        "gradients": "use fastmlp.gradients(model, x, y)",
        "identity": "leave it out: tensors are not changed in place",
        "image_dim_ordering": "use backend.image_data_format",
        "in_test_phase": _PHASE,
        "in_train_phase": _PHASE,
        "is_sparse": "tensors are dense",
        "learning_phase": _PHASE,
        "manual_variable_initialization": _SESSION,
        "map_fn": "use ops.map on arrays; functions of tensors work on all samples at once",
        "moving_average_update": _ASSIGN,
        "name_scope": "leave it out: layers name their weights",
        "placeholder": "use Input",
        "print_tensor": "tensors have no values; make a Model of the tensor and call it on data",
        "random_bernoulli": _RANDOM,
        "random_binomial": _RANDOM,
        "random_normal_variable": _WEIGHT,
        "random_uniform_variable": _WEIGHT,
        "rnn": "use layers.RNN(cell)",
        "set_image_data_format": "leave it out: there are no convolutions",
        "set_image_dim_ordering": "leave it out: there are no convolutions",
        "set_learning_phase": _PHASE,
        "set_session": _SESSION,
        "temporal_padding": "use ops.pad",
        "to_dense": "tensors are dense",
        "update": _ASSIGN,
        "update_add": "use variable.assign_add(…)",
        "update_sub": "use variable.assign_sub(…)",
        "variable": _WEIGHT,
    },
    "layers": {
        "AbstractRNNCell": "use Layer, with state_size and call(inputs, states)",
        "Highway": "use Dense layers: t * h + (1 - t) * x",
        "MaxoutDense": "use Dense, Reshape and a maximum over an axis",
        "Recurrent": "use RNN(cell)",
        "Merge": "use Concatenate, Add, Multiply, Average, Maximum or Dot",
        "TextVectorization": _WORDS,
        "ThresholdedReLU": "use ReLU(threshold=…)",
        "TimeDistributedDense": "use Dense, which works along the last axis",
    },
    "models": {"model_from_yaml": "use model_from_json: reading YAML could run code"},
    "preprocessing": {
        "Tokenizer": _WORDS,
        "hashing_trick": "use layers.Hashing",
        "one_hot": "use layers.Hashing",
        "text_to_word_sequence": "use str.split, or re.findall",
        "tokenizer_from_json": _WORDS,
    },
    "preprocessing.sequence": {
        "TimeseriesGenerator": "use fastmlp.utils.timeseries_dataset_from_array",
        "make_sampling_table": _PAIRS,
        "skipgrams": _PAIRS,
    },
}

# Names of any module → why; the groups of docs/keras-differences.md.
_ABSENT = {
    r"(Multi|Additive|GroupQuery)?(Head)?Attention|dot_product_attention": (
        "there is no attention layer; ops.matmul and ops.softmax make one in a layer of your own"
    ),
    r"(Adaptive|Global)?(Average|Avg|Max)Pool(ing)?[123]D"
    r"|(Depthwise|Separable)?Conv(olution|LSTM)?[123]D(Transpose)?|LocallyConnected[12]D"
    r"|(Cropping|ZeroPadding|UpSampling|SpatialDropout)[123]D|(adaptive_)?(average|max)_pool"
    r"|((separable|depthwise)_)?conv([123]d)?(_transpose)?|pool[23]d|resize_(images|volumes)"
    r"|spatial_[23]d_padding|depth_to_space|space_to_depth": (
        "fastmlp is for dense and recurrent networks: there are no convolutions"
    ),
    r"ImageDataGenerator|Resizing|CenterCrop|(Binary|Mean|OneHot|OneHotMean)IoU|cifar100?"
    r"|Random(Brightness|Contrast|Crop|Flip|Height|Rotation|Shear|Translation|Width|Zoom)"
    r"|array_to_img|(img_to|save|load)_(array|img)|(image|text|audio)_dataset_from_directory": (
        "fastmlp is for tables and sequences: there is nothing for images, sound and raw text"
    ),
    r"applications": "there are no pretrained networks",
    r"CTC|ctc\w*": "there is no speech recognition",
    r"mixed_precision|dtype_policies": ("it computes in float32 or float64: config.set_floatx"),
    r"distribution|multi_gpu_model": "there is one device, the CPU: config.set_num_threads",
}


def hint(module: str, name: str) -> str | None:
    """What is said of a name that is not in a module; `None`: nothing is known of it."""
    found = GONE.get(module, {}).get(name)
    if found is None:
        return next((why for names, why in _ABSENT.items() if re.fullmatch(names, name)), None)
    return found
