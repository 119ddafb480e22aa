"""Cards of the fields that decide which pixels the network sees."""

from pipeline.spec.card import Card, Paper

RANDOM_RESIZED_CROP = Card(
    title="Random resized crop",
    family="augmentation",
    idea="Cut a box of random area and aspect out of each training image and resize it to the training size.",
    formula="area ~ U(min_area_frac, max_area_frac) of the image, log aspect ~ U(log min_aspect, log max_aspect)",
    paper=Paper(title="Going Deeper with Convolutions", year=2014, arxiv="1409.4842"),
    helps_when="Objects come in many sizes and places, and the training is long enough to overfit without it.",
    pitfalls=(
        "Small areas cut the object out: where details decide, or objects fill the image, raise min_area_frac.",
        "Objects look larger in training than in the test: see fixres.",
    ),
    defaults_from="aspects 3/4 to 4/3 as in torchvision; its area starts at 0.08, for a million images and long "
    "training, ours at 0.35.",
)

PAD_AND_CROP = Card(
    title="Pad and crop",
    family="augmentation",
    idea="Pad each training image on all sides and cut a box of the original size out of it, at random.",
    formula="shift ~ U(-pad, pad) in both directions",
    paper=Paper(title="Deep Residual Learning for Image Recognition", year=2015, arxiv="1512.03385"),
    helps_when="Images are small and centred (CIFAR, digits), so that only the place varies and not the size.",
    pitfalls=("It teaches shifts and nothing about size; on photographs random_resized_crop does both.",),
    defaults_from="the CIFAR recipe: 4 of 32 pixels.",
)

HORIZONTAL_FLIP = Card(
    title="Horizontal flip",
    family="augmentation",
    idea="Mirror training images left to right with some probability.",
    paper=Paper(title="ImageNet Classification with Deep Convolutional Neural Networks", year=2012,
                url="https://papers.nips.cc/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html"),
    helps_when="A mirrored image is as likely as the image: most photographs.",
    pitfalls=("Letters, digits, left and right hands or shoes change their meaning; set it to 0 there.",),
    defaults_from="probability 0.5, as everywhere; 0 for the digits.",
)  # fmt: skip

FIXRES = Card(
    title="A larger test size (FixRes)",
    family="resolution",
    idea="Evaluate at more pixels than in training, so that objects appear as large as in the training crops.",
    formula="test size = about 1.3 training size, with random resized crops in training",
    paper=Paper(title="Fixing the train-test resolution discrepancy", year=2019, arxiv="1906.06423"),
    helps_when="Training crops are random and resized: the gain costs nothing in training.",
    pitfalls=(
        "Evaluation costs the square of the ratio.",
        "The paper also tunes the classifier and the batch norms at the test size; this does not.",
        "A network with position embeddings of one size refuses another.",
    ),
    defaults_from="no larger size unless asked for; the paper tests at 288 what was trained at 224.",
)

EVAL_CROP = Card(
    title="Crop at evaluation",
    family="resolution",
    idea="Keep only the central part of each image when the network is evaluated.",
    formula="side of the square = eval_crop_frac of the short side",
    paper=Paper(title="ImageNet Classification with Deep Convolutional Neural Networks", year=2012,
                url="https://papers.nips.cc/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html"),
    helps_when="Objects stand in the middle, and the border shows other things.",
    pitfalls=(
        "It changes what is measured, not what is learned: a gain here is a gain of the protocol.",
        "What lies at the border is never seen; near 1 nothing is lost.",
    ),
    defaults_from="0.875: 224 of 256 pixels, the usual protocol on ImageNet.",
)  # fmt: skip

CLASSES = Card(
    title="Some of the classes",
    family="sampling",
    idea="Train and evaluate on a few of the classes only: a small study to start with.",
    paper=Paper(title="A Downsampled Variant of ImageNet as an Alternative to the CIFAR datasets", year=2017,
                arxiv="1707.08819"),
    helps_when="The full data would take days, and the question is which tricks are worth days.",
    pitfalls=(
        "Fewer classes are easier: what helps among ten need not help among a thousand.",
        "As a factor it changes the question that val asks, too: put it into the base.",
    ),
    defaults_from="all classes.",
)  # fmt: skip
