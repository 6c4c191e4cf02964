from .decision import Decision


class SlidingWindow:
    pass
