from sliding_window import Decision, SlidingWindow
