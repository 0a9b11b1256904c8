"""The shapes of the supported models, by the `config.json` of their repositories.

Those of smollm2-135m and qwen-2.5-coder-1.5b are also in the files that the tests have; that of
gemma-3-270m is its base model's, but for the file's size.
"""

from slmtape.models.memory import Shape

SHAPES = {
    "smollm2-135m": Shape(
        size=98_362_432,
        layers=30,
        kv_heads=3,
        key_size=64,
        value_size=64,
        width=576,
        feed_forward=1536,
        vocabulary=49_152,
    ),
    "gemma-3-270m": Shape(
        size=253_115_040,
        layers=18,
        kv_heads=1,
        key_size=256,
        value_size=256,
        width=640,
        feed_forward=2048,
        vocabulary=262_144,
    ),
    "gemma-3-1b": Shape(
        size=806_058_272,
        layers=26,
        kv_heads=1,
        key_size=256,
        value_size=256,
        width=1152,
        feed_forward=6912,
        vocabulary=262_144,
    ),
    "qwen-2.5-coder-1.5b": Shape(
        size=1_117_320_768,
        layers=28,
        kv_heads=2,
        key_size=128,
        value_size=128,
        width=1536,
        feed_forward=8960,
        vocabulary=151_936,
    ),
    "smollm3-3b": Shape(
        size=1_915_305_312,
        layers=36,
        kv_heads=4,
        key_size=128,
        value_size=128,
        width=2048,
        feed_forward=11_008,
        vocabulary=128_256,
    ),
    "llama-3.2-3b-instruct": Shape(
        size=2_019_377_696,
        layers=28,
        kv_heads=8,
        key_size=128,
        value_size=128,
        width=3072,
        feed_forward=8192,
        vocabulary=128_256,
    ),
    "qwen-2.5-coder-3b": Shape(
        size=2_104_932_768,
        layers=36,
        kv_heads=2,
        key_size=128,
        value_size=128,
        width=2048,
        feed_forward=11_008,
        vocabulary=151_936,
    ),
}
