"""What ends a processor, and what makes it start a round over."""


class ProcessorError(Exception):
    """An error of the processor; the text says what to do next."""


class Fatal(ProcessorError):
    """Neither waiting nor starting over helps: somebody must act."""


class Replaced(Fatal):
    """Another process of the same ``instance`` took this one's place in the group."""


class StartOver(ProcessorError):
    """This round's work is void (a partition was taken away while it was done): drop what is in memory and rebuild."""
