"""Cards of the fields that decide how the device computes; people ask what they cost in accuracy."""

from pipeline.spec.card import Card, Paper

PRECISION_AND_SPEED = "precision and speed"

FP32 = Card(
    title="float32",
    family=PRECISION_AND_SPEED,
    idea="Store and multiply everything in 32 bits, with 23 bits of mantissa.",
    helps_when="It is the control for the other formats.",
    pitfalls=("On GPUs the slowest of all; torch multiplies in TF32 inside convolutions unless told not to, as here.",),
    defaults_from="not the default: `auto` takes what the device does best.",
)

TF32 = Card(
    title="TF32",
    family=PRECISION_AND_SPEED,
    idea="Store in 32 bits; multiply matrices with 10 bits of mantissa and float32's range.",
    helps_when="NVIDIA GPUs from Ampere on, where nothing may be cast: several times float32's matrix speed.",
    pitfalls=("Devices without it compute float32, and nothing says so.", "Memory stays that of float32."),
    defaults_from="off unless asked for.",
)

BF16 = Card(
    title="bfloat16 autocast",
    family=PRECISION_AND_SPEED,
    idea="Multiply in 16 bits with float32's range and 7 bits of mantissa; weights and sums stay float32.",
    paper=Paper(title="A Study of BFLOAT16 for Deep Learning Training", year=2019, arxiv="1905.12322"),
    helps_when="The device has the instructions (GPUs from Ampere on, recent server CPUs): no loss scaling needed.",
    pitfalls=(
        "Two to three significant digits: what subtracts similar numbers (margins, small losses) should stay float32.",
    ),
    defaults_from="what `auto` takes where the device has it.",
)

FP16 = Card(
    title="float16 autocast",
    family=PRECISION_AND_SPEED,
    idea="Multiply in 16 bits with 10 bits of mantissa and a small range; the loss is scaled so that gradients fit.",
    formula="loss scale halves after an overflow (that step is skipped) and doubles after 2,000 good steps",
    paper=Paper(title="Mixed Precision Training", year=2017, arxiv="1710.03740"),
    helps_when="GPUs before Ampere, which have no bfloat16.",
    pitfalls=(
        "The first steps are skipped until the scale fits: short trainings lose them.",
        "Large activations overflow to infinity where bf16 and float32 do not.",
    ),
    defaults_from="what `auto` takes on GPUs without bfloat16; torch's scaler.",
)

CHANNELS_LAST = Card(
    title="Channels last",
    family=PRECISION_AND_SPEED,
    idea="Keep the channels of a pixel next to each other in memory, as convolutions of most devices read them.",
    helps_when="Convolutions in 16 bits on GPUs, and on CPUs with oneDNN.",
    pitfalls=("Results differ from contiguous memory by rounding: sums run in another order.",),
    defaults_from="on; the factor to study is {memory_format: contiguous}.",
)

TORCH_COMPILE = Card(
    title="torch.compile",
    family=PRECISION_AND_SPEED,
    idea="Translate the network into fused kernels before training.",
    paper=Paper(
        title="PyTorch 2: Faster Machine Learning Through Dynamic Python Bytecode Transformation and Graph Compilation",
        year=2024, url="https://doi.org/10.1145/3620665.3640366",
    ),
    helps_when="Steps are short and many: large networks, GPUs, long trainings.",
    pitfalls=(
        "Half a minute and more of compiling for each image size, which short trainings never earn back; progressive "
        "resizing compiles at every size.",
        "Results differ by rounding.",
    ),
    defaults_from="off.",
)  # fmt: skip
