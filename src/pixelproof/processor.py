"""What Linux says of the processor."""


def first_core(*keys: str) -> str:
    """What is said of the first core by the first of ``keys`` that is there; where there is no /proc/cpuinfo nothing.

    The file is read no further than that: of a hundred cores it takes a while to be made.
    """
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            for line in info:
                name, _, value = line.partition(":")
                if name.strip() in keys:
                    return value.strip()
    except OSError:
        pass  # another system
    return ""
