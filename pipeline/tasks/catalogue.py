"""All tasks that a stage may have."""

from typing import Annotated

from pydantic import Field

from pipeline.tasks.classify import Classify
from pipeline.tasks.mae import Mae
from pipeline.tasks.simclr import SimClr
from pipeline.tasks.simmim import SimMim

AnyPretraining = Annotated[SimClr | Mae | SimMim, Field(discriminator="kind")]
"""Those without labels."""

AnyTask = Annotated[Classify | SimClr | Mae | SimMim, Field(discriminator="kind")]
