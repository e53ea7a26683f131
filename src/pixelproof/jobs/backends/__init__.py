"""Where the steps of a job are done beside the process that writes: processes of this machine, or a Ray cluster.

``opened`` gives the backend that somebody asks for, as ``jobs.runner`` takes it.
"""

from pixelproof.jobs.backends.choose import opened

__all__ = ["opened"]
