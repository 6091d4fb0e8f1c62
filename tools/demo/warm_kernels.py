"""Kernels that have imported TensorFlow before anybody asks for one, shared by all pages.

Voila's own preheating keeps a kernel for every page, fifteen gigabytes for this course. What takes
long is the same on all pages, though: TensorFlow's import and the first answer of a network. So a
few spare kernels do these ahead, and any page takes one of them.
"""

import asyncio

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.ioloop import IOLoop
from traitlets import Float, Int

AHEAD = (
    "from lecture_lib import core as _core, datasets as _datasets, models as _models;"
    "from lecture_lib.figures import show as _show;"
    "from lecture_lib.panels import explore as _explore;"
    "_model = _models.load_model('tinynet_robust');"
    "_image = _datasets.load_image('coffee', size=_model.image_size);"
    "_models.top_classes(_model, _image);"
    "_core.gradient(_core.class_score(_model, 0), _image)"
)


class WarmKernels(AsyncMappingKernelManager):
    """Starts kernels ahead.

    One that was taken is replaced after `pause` seconds, when the visitor's page has got its first
    answer.
    """

    spare = Int(
        2,
        config=True,
        help="How many kernels wait for a visitor; each holds about half a gigabyte.",
    )
    pause = Float(8, config=True, help="Seconds between taking a kernel and starting the next.")

    def __init__(self, **settings):
        super().__init__(**settings)
        self.waiting = []
        IOLoop.current().add_callback(self.fill)

    def fill(self):
        while len(self.waiting) < self.spare:
            self.waiting.append(asyncio.ensure_future(self.start_warm()))

    async def start_warm(self):
        return await super().start_kernel(
            path="", extra_arguments=[f"--IPKernelApp.exec_lines={AHEAD}"]
        )

    async def start_kernel(self, **settings):
        if not self.waiting:
            return await super().start_kernel(**settings)
        taken = self.waiting.pop(0)
        IOLoop.current().call_later(self.pause, self.fill)
        return await taken

    async def cull_kernel_if_idle(self, kernel_id):
        """Kernels that wait are meant to be idle."""
        if kernel_id not in [
            task.result() for task in self.waiting if task.done() and not task.exception()
        ]:
            await super().cull_kernel_if_idle(kernel_id)
