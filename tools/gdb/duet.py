"""gdb commands for programs that use duet: what its tasks wait for, and where they stand.

    (gdb) source duet.py
    (gdb) duet tasks          every task of the selected thread's run
    (gdb) duet bt NUMBER      where the task with that number stands (duet bt: all of them)

They work on a live process and on the core file of one that died (gdb's own gcore leaves guarded
stacks out), and need libduet with debug information (-DCMAKE_BUILD_TYPE=RelWithDebInfo)."""

import gdb
from gdb.unwinder import Unwinder

STATES = {0: "has not started", 1: "is ready", 2: "has ended"}


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class TaskUnwinder(Unwinder):
    """Makes the frames of a parked task follow the newest frame, so that gdb shows them."""

    def __init__(self):
        super().__init__("duet task")
        self.registers = None

    def __call__(self, pending):
        if self.registers is None:
            return None
        registers, self.registers = self.registers, None  # the newest frame comes first, once
        names = list(registers)
        frame_id = FrameId(registers[names[1]], registers[names[0]])
        info = pending.create_unwind_info(frame_id)
        for name, value in registers.items():
            info.add_saved_register(name, value)
        return info


unwinder = TaskUnwinder()
gdb.unwinder.register_unwinder(None, unwinder, replace=True)


def current_loop():
    try:
        loop = gdb.parse_and_eval("duet__current_loop")
        loop.dereference().type.fields()
    except (gdb.error, TypeError):
        raise gdb.GdbError("libduet has no debug information, or no program is loaded")
    if int(loop) == 0:
        raise gdb.GdbError("this thread runs no loop: select another with `thread`")
    return loop


def tasks_of(loop):
    task = gdb.lookup_type("duet_task")
    offset = next(f.bitpos // 8 for f in task.fields() if f.name == "all")
    head = loop["tasks"].address
    node = loop["tasks"]["next"]
    while int(node) != int(head):
        yield gdb.Value(int(node) - offset).cast(task.pointer())
        node = node["next"]


def words(pointer):
    return pointer.string(errors="replace") if int(pointer) != 0 else None


def describe(t):
    """-> name, spawn site; an origin reads "file.c:42 fetch, &page"."""
    origin = words(t["origin"]) or ""
    site, _, call = origin.partition(" ")
    name = words(t["name"]) or call.split(",")[0].lstrip("&") or "main"
    return name, site if call else ""


def state_of(t):
    if int(t) == int(gdb.parse_and_eval("duet__current")):
        return "runs"
    if int(t["parked"]) != 0:
        return "waits for %s" % words(t["parked"]["what"])
    return STATES[int(t["state"])]


def saved_registers(t):
    """-> those of a task that does not run: pc, sp, and what the switch has saved."""
    word = gdb.lookup_type("unsigned long").pointer()
    pointer = gdb.lookup_type("void").pointer()
    fields = [f.name for f in t["context"].type.fields()]
    if "sp" not in fields:
        raise gdb.GdbError("contexts of ucontext cannot be read")
    sp = t["context"]["sp"].cast(word)
    if gdb.selected_inferior().architecture().name().startswith("aarch64"):
        saved = {"pc": sp[11], "sp": gdb.Value(int(sp) + 160)}
        saved.update({"x%d" % (19 + i): sp[i] for i in range(11)})
    else:
        saved = {"rip": sp[0], "rsp": gdb.Value(int(sp) + 16 + 128), "rbp": sp[1]}
    return {name: gdb.Value(int(value)).cast(pointer) for name, value in saved.items()}


def backtrace(t):
    if state_of(t) == "runs":
        gdb.execute("backtrace")
        return
    if int(t["state"]) != 1:
        print("  (%s)" % state_of(t))
        return
    unwinder.registers = saved_registers(t)
    gdb.invalidate_cached_frames()
    try:
        lines = gdb.execute("backtrace", to_string=True).splitlines()
    finally:
        unwinder.registers = None
        gdb.invalidate_cached_frames()
    print("\n".join(line for line in lines if not line.startswith("#0 ")))


class Duet(gdb.Command):
    """Tasks of a program that uses duet."""

    def __init__(self):
        super().__init__("duet", gdb.COMMAND_STACK, prefix=True)


class DuetTasks(gdb.Command):
    """Lists the tasks of the selected thread's run: number, name, spawn site, what it waits for."""

    def __init__(self):
        super().__init__("duet tasks", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        for t in tasks_of(current_loop()):
            name, site = describe(t)
            print("%5d  %s%s: %s" % (int(t["number"]), name, " (%s)" % site if site else "",
                                     state_of(t)))


class DuetBacktrace(gdb.Command):
    """Shows where a task stands: duet bt NUMBER.  Without a number: all of them."""

    def __init__(self):
        super().__init__("duet bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        wanted = gdb.string_to_argv(argument)
        found = False
        for t in tasks_of(current_loop()):
            if wanted and str(int(t["number"])) not in wanted:
                continue
            found = True
            print("task %d, %s: %s" % (int(t["number"]), describe(t)[0], state_of(t)))
            backtrace(t)
        if not found:
            raise gdb.GdbError("no task has this number; `duet tasks` lists them")


Duet()
DuetTasks()
DuetBacktrace()
