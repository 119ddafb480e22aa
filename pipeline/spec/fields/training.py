"""Cards of the fields that decide how the network is started, regularized and stepped."""

from pipeline.spec.card import Card, Paper

LARGE_BATCHES = Paper(title="Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", year=2017, arxiv="1706.02677")
TRANSFERABLE = Paper(
    title="How transferable are features in deep neural networks?", year=2014, arxiv="1411.1792"
)  # fmt: skip

DROPOUT = Card(
    title="Dropout",
    family="regularization",
    idea="Zero a random share of the features before the classifier in training.",
    formula="x -> x mask / (1 - rate),  mask ~ Bernoulli(1 - rate)",
    paper=Paper(title="Dropout: A Simple Way to Prevent Neural Networks from Overfitting", year=2014,
                url="https://jmlr.org/papers/v15/srivastava14a.html"),
    helps_when="The classifier is wide and the training set small.",
    pitfalls=(
        "Training loss and accuracy are no longer comparable with those of an arm without it.",
        "With batch norm and augmentation it often adds little; some networks of timm use it in their blocks too.",
    ),
    defaults_from="off; 0.2 to 0.5 are usual before a classifier (EfficientNet-B0 0.2, VGG 0.5).",
)  # fmt: skip

STOCHASTIC_DEPTH = Card(
    title="Stochastic depth",
    family="regularization",
    idea="Skip whole residual blocks at random in training, later ones more often.",
    formula="block l of L is skipped with probability rate l / L, for each image",
    paper=Paper(title="Deep Networks with Stochastic Depth", year=2016, arxiv="1603.09382"),
    helps_when="Networks are deep and trained for long: transformers, ConvNeXt, ResNets over hundreds of epochs.",
    pitfalls=(
        "Short budgets and shallow networks underfit.",
        "It needs residual blocks; the small demonstration network has none, and has no such field.",
    ),
    defaults_from="off; 0.05 to 0.2 are usual for networks of ResNet-50's size.",
)

WEIGHT_DECAY = Card(
    title="Weight decay",
    family="regularization",
    idea="Shrink every weight a little at each step.",
    formula="L2 (sgd, adam, rmsprop): g <- g + wd w;  decoupled (sgdw, adamw, lion, muon): w <- (1 - lr wd) w",
    paper=Paper(title="A Simple Weight Decay Can Improve Generalization (Krogh and Hertz)", year=1991),
    helps_when="Nearly always; how much depends on rate, schedule and budget together.",
    pitfalls=(
        "The same number means different things: see the optimizer's card.",
        "It acts through the rate: halving lr halves the decay, and what counts is their product over the training.",
        "Norms and biases decay too unless a strategy takes them out.",
    ),
    defaults_from="the optimizer's own.",
)

GRADIENT_ACCUMULATION = Card(
    title="Gradient accumulation",
    family="budget",
    idea="Cut the batch into shards, run them in turn (or on several workers), and step on their mean gradient.",
    formula="g = mean over shards of g_shard,  each of batch_size / num_shards images",
    paper=Paper(title="Train longer, generalize better: closing the generalization gap in large batch training",
                year=2017, arxiv="1705.08741"),
    helps_when="The batch does not fit in memory, or the experiment must be the same on 1 and on 4 GPUs.",
    pitfalls=(
        "Batch norm sees one shard at a time: smaller shards mean noisier statistics, so this is not the same training "
        "as one large batch (the paper's ghost batch norm even gains from it).",
        "It saves memory, not time.",
    ),
    defaults_from="1: the whole batch at once.",
)  # fmt: skip

BATCH_SIZE = Card(
    title="Batch size",
    family="budget",
    idea="The number of images in each step, over all workers.",
    formula="with the batch, scale the rate: lr ~ batch (SGD), lr ~ sqrt(batch) (Adam and its kin)",
    paper=LARGE_BATCHES,
    helps_when="Smaller batches make more steps of the same epochs; larger ones use the device better.",
    pitfalls=(
        "At the same epochs a larger batch makes fewer steps: an unscaled rate turns this into a shorter training.",
        "The best rate changes with it: compare each size at a rate of its own, or read the effect as of both.",
    ),
    defaults_from="64, for a few thousand images; the rule of scaling is the paper's.",
)

EPOCHS = Card(
    title="Number of epochs",
    family="budget",
    idea="How often training goes over the data: the first thing that other tricks interact with.",
    paper=Paper(title="ResNet strikes back: An improved training procedure in timm", year=2021, arxiv="2110.00476"),
    helps_when="The training loss still falls at the end; strong augmentation needs long training to pay.",
    pitfalls=(
        "Cost grows in proportion, so compare at equal cost as well.",
        "A schedule stretches with it: it is not the shorter training continued.",
    ),
    defaults_from="10, for a first look.",
)

WARMUP = Card(
    title="Warm-up",
    family="schedules",
    idea="Raise the learning rate in a straight line over the first epochs, before the schedule's own course.",
    formula="lr(t) = peak (s + (1 - s) t / warmup_epochs),  s = warmup_start_frac",
    paper=LARGE_BATCHES,
    helps_when="Rates are high, batches large, optimizers adaptive, or networks transformers.",
    pitfalls=(
        "It takes its epochs from the decay: the whole schedule moves.",
        "It allows higher peaks: tuned anew, the gain is larger than at the old rate.",
    ),
    defaults_from="none unless asked for; the paper takes 5 of 90 epochs.",
)

PRETRAINED = Card(
    title="Pretrained weights",
    family="transfer",
    idea="Start from the weights that timm's hub has for this network, with a new classifier.",
    paper=TRANSFERABLE,
    helps_when="Images are few and resemble photographs: usually the largest gain there is.",
    pitfalls=(
        "The best rate is about a tenth of that from scratch; compare at a rate of its own.",
        "Test images may have been among the hub's training images.",
        "mean and std must be those of the pretraining (ImageNet's are the default here).",
    ),
    defaults_from="off: weights are drawn at random.",
)

FROM_FILE = Card(
    title="Weights from a file",
    family="transfer",
    idea="Start from the weights in a file of yours, read without executing code.",
    paper=TRANSFERABLE,
    helps_when="You have a network of this architecture, trained on related images.",
    pitfalls=(
        "The file's content is part of the experiment: another file is another arm, whatever its name.",
        "The best rate is smaller than from scratch.",
    ),
    defaults_from="off: weights are drawn at random.",
)

FROM_STAGE = Card(
    title="Weights from an earlier stage",
    family="transfer",
    idea="Start from the final weights of an earlier stage of the same trial.",
    paper=TRANSFERABLE,
    helps_when="A recipe trains in two steps, as pretraining and fine-tuning.",
    pitfalls=("The earlier stage must exist: a recipe adds it.", "Its images and time belong to the arm's cost."),
    defaults_from="off: weights are drawn at random.",
)
