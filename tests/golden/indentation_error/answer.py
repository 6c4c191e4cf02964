class SlidingWindow:
    def check(self, key, cost=1):

    def other(self):
        return 1
