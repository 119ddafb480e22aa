"""What images to train on: the source, its splits, the size, and the base augmentation."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from pipeline.spec.base import Frozen

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
Triple = tuple[float, float, float]


class Colours(Frozen):
    """What images are normalized by: (image - mean) / std, red, green and blue of 0..1."""

    mean: Triple
    std: Triple

    @field_validator("std")
    @classmethod
    def _positive(cls, std: Triple) -> Triple:
        if min(std) <= 0:
            raise ValueError(f"std {list(std)}: each must be above 0")
        return std


class RandomResizedCrop(Frozen):
    """A crop of random area and aspect, resized to the training size (Szegedy et al. 2014, arXiv:1409.4842)."""

    kind: Literal["random_resized_crop"] = "random_resized_crop"
    # torchvision's default of 0.08 is for 1.3 M images; 0.35 is timm's advice for short schedules on small sets.
    min_area_frac: float = Field(0.35, gt=0, le=1)
    max_area_frac: float = Field(1.0, gt=0, le=1)
    min_aspect: float = Field(3 / 4, gt=0)
    max_aspect: float = Field(4 / 3, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_area_frac > self.max_area_frac or self.min_aspect > self.max_aspect:
            raise ValueError("min_area_frac <= max_area_frac and min_aspect <= max_aspect must hold")
        return self


class FullImage(Frozen):
    """No random crop: the evaluation crop in training too."""

    kind: Literal["full_image"] = "full_image"


class PadAndCrop(Frozen):
    """A border around the image, then a square of its short side at random: the usual crop of small images.

    He et al. 2015 (arXiv:1512.03385, section 4.2) pad the 32 pixels of CIFAR by 4. Objects keep their size and aspect.
    """

    kind: Literal["pad_and_crop"] = "pad_and_crop"
    pad_frac: float = Field(0.125, gt=0, le=0.5, description="border on each side, as a share of the short side")
    # The paper pads with the mean (zeros after normalization); mirrored edges do not show where the image ends.
    fill: Literal["reflect", "mean"] = Field("reflect", description="mirrored edges, or the data's mean colour")


AnyCrop = Annotated[RandomResizedCrop | FullImage | PadAndCrop, Field(discriminator="kind")]


class Augmentation(Frozen):
    """The augmentation every arm starts from."""

    crop: AnyCrop = RandomResizedCrop()
    horizontal_flip_prob: float = Field(0.5, ge=0, le=1)


class DataSpec(Frozen):
    """Fields shared by all sources. Splits that the source does not bring are cut from `train`, per class,
    by a hash of the sample id: adding an image moves at most the few at the borders of its class.
    """

    image_size_px: int = Field(160, ge=8, le=1024)
    # The stored copies are this size on their short side (never enlarged): 1.25x, so that the smallest usual crop
    # (area 0.35) of a 4:3 photograph still has 0.85 of the training size in real pixels.
    prepared_px: int | None = Field(None, ge=8, le=2048, description="short side of the stored copies; default 1.25x")
    eval_crop_frac: float = Field(0.875, gt=0, le=1, description="share of the short side kept by the central crop")
    # Training crops are zoomed in, so a test image at the training size shows its objects smaller than in training:
    # a larger test size closes the gap (Touvron et al. 2019, arXiv:1906.06423).
    eval_image_size_px: int | None = Field(None, ge=8, le=2048, description="size for val and test; default: the same")
    augment: Augmentation = Augmentation()
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD
    classes: tuple[str, ...] | None = Field(
        None, description="names of the classes to use, in every split; default: all. A small set to start with"
    )
    labeled_frac: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of each class's training images that keep their label; the others become "
        "unlabelled. At least one a class; a smaller share lies inside a larger one",
    )
    unlabeled: str | None = Field(
        None, min_length=1, description="a folder of images without labels, at any depth: more of the unlabelled pool"
    )
    on_bad_image: Literal["fail", "skip"] = "fail"
    val_frac: float = Field(0.15, gt=0, lt=1)
    test_frac: float = Field(0.15, ge=0, lt=1)

    @field_validator("classes")
    @classmethod
    def _at_least_two(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names is not None and len(set(names)) < max(2, len(names)):
            raise ValueError(f"expected at least two different names, but got {', '.join(names) or 'none'}")
        return names

    @property
    def colours(self) -> Colours:
        """What its images are normalized by."""
        return Colours(mean=self.mean, std=self.std)

    @property
    def has_pool(self) -> bool:
        """Whether there may be unlabelled images."""
        return self.labeled_frac < 1 or self.unlabeled is not None

    @property
    def eval_size_px(self) -> int:
        """Size of the images on val and test, in pixels."""
        return self.eval_image_size_px or self.image_size_px

    @property
    def short_side_px(self) -> int:
        """Short side of the prepared images in pixels: enough for training crops and for evaluation."""
        return self.prepared_px or max(round(1.25 * self.image_size_px), round(self.eval_size_px / self.eval_crop_frac))


class ImageFolder(DataSpec):
    """A folder per class, below `train/`, `val/` (or `validation/`, `valid/`) and `test/`, or directly below `path`."""

    kind: Literal["image_folder"] = "image_folder"
    path: str = Field(min_length=1)


class Parquet(DataSpec):
    """The Hugging Face image layout: `image: {bytes, path}` and an integer or string label.

    `path` is one file or a folder; the split is read off the file name (train..., val..., test...).
    """

    kind: Literal["parquet"] = "parquet"
    path: str = Field(min_length=1)
    image_column: str = "image"
    label_column: str = "label"


class Digits(DataSpec):
    """1,797 real handwritten digits of 8x8 pixels that ship with scikit-learn (UCI optdigits test set)."""

    kind: Literal["digits"] = "digits"
    image_size_px: int = Field(16, ge=8, le=128)
    prepared_px: int | None = 8
    eval_crop_frac: float = Field(1.0, gt=0, le=1)
    augment: Augmentation = Augmentation(
        crop=RandomResizedCrop(min_area_frac=0.7, min_aspect=0.9, max_aspect=1.1), horizontal_flip_prob=0.0
    )
    mean: Triple = (0.3, 0.3, 0.3)
    std: Triple = (0.35, 0.35, 0.35)
    val_frac: float = Field(0.45, gt=0, lt=1)
    test_frac: float = Field(0.25, ge=0, lt=1)
    num_train: int = Field(
        300, ge=20, le=800, description="of all ten classes; few, so that there is something to gain"
    )


AnyData = Annotated[ImageFolder | Parquet | Digits, Field(discriminator="kind")]
