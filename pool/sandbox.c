#include "pool/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Landlock, as of its man page landlock(7); the headers of older systems lack the later rights. */
enum {
	CREATE_RULESET = 444,
	ADD_RULE = 445,
	RESTRICT_SELF = 446,
	VERSION_FLAG = 1,
	RULE_PATH_BENEATH = 1,
	ABI_TCP = 4,
};

#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR  (UINT64_C(1) << 3)
#define NET_ALL      UINT64_C(3) /* bind and connect */

struct ruleset {
	uint64_t fs;
	uint64_t net;
};

struct path_rule {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

static const char *const readable[] = {"/usr", "/lib", "/lib64", "/etc/ld.so.cache",
				       "/etc/localtime"};

static int landlock_abi(void)
{
	return (int)syscall(CREATE_RULESET, NULL, 0, VERSION_FLAG);
}

/* Every right that this version knows: what is not handled would be allowed. */
static uint64_t all_fs_rights(int abi)
{
	static const int rights[] = {0, 13, 14, 15, 15, 16};

	return (UINT64_C(1) << rights[abi < 5 ? abi : 5]) - 1;
}

static int allow_reading(int ruleset, const char *path)
{
	struct path_rule rule = {.allowed = FS_READ_FILE | FS_READ_DIR};
	int r = 0;

	rule.parent = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent < 0)
		return errno == ENOENT ? 0 : -errno;
	if (syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0) != 0) {
		rule.allowed = FS_READ_FILE; /* a file has no directory to read */
		if (syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0) != 0)
			r = -errno;
	}
	close(rule.parent);
	return r;
}

static int lock_files(void)
{
	int abi = landlock_abi(), ruleset, r = 0;
	struct ruleset all = {all_fs_rights(abi), abi >= ABI_TCP ? NET_ALL : 0};

	ruleset = (int)syscall(CREATE_RULESET, &all, abi >= ABI_TCP ? sizeof(all) : sizeof(all.fs),
			       0);
	if (ruleset < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]) && r == 0; i++)
		r = allow_reading(ruleset, readable[i]);
	if (r == 0 && syscall(RESTRICT_SELF, ruleset, 0) != 0)
		r = -errno;
	close(ruleset);
	return r;
}

static const uint16_t denied[] = {
	SYS_socket,
	SYS_socketpair,
	SYS_connect,
	SYS_bind,
	SYS_listen,
	SYS_accept4,
	SYS_execve,
	SYS_execveat,
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_kcmp,
	SYS_pidfd_open,
	SYS_pidfd_getfd,
	SYS_pidfd_send_signal,
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_chroot,
	SYS_setns,
	SYS_unshare,
	SYS_bpf,
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_keyctl,
	SYS_add_key,
	SYS_request_key,
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
	SYS_reboot,
	SYS_swapon,
	SYS_swapoff,
	SYS_open_by_handle_at,
	SYS_io_uring_setup,
	SYS_name_to_handle_at,
	SYS_acct,
	SYS_quotactl,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_rt_sigqueueinfo,
	SYS_rt_tgsigqueueinfo,
#if defined(SYS_fork)
	SYS_fork,
	SYS_vfork,
#endif
};

/* These name a process in their first argument: its own is allowed. */
static const uint16_t own_only[] = {SYS_kill, SYS_tgkill, SYS_prlimit64};

enum { DENIED = sizeof(denied) / sizeof(denied[0]), OWN = sizeof(own_only) / sizeof(own_only[0]) };

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0
#endif

#define X32_BIT 0x40000000u

struct program {
	struct sock_filter code[2 * DENIED + 8 * OWN + 32];
	unsigned short n;
};

static void add(struct program *p, struct sock_filter instruction)
{
	p->code[p->n++] = instruction;
}

static void load(struct program *p, size_t offset)
{
	add(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void load_number(struct program *p)
{
	load(p, offsetof(struct seccomp_data, nr));
}

static void answer(struct program *p, uint32_t action)
{
	add(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* If the loaded word equals value, runs the next `skip` instructions, else leaves them out. */
static void if_equal(struct program *p, uint32_t value, uint8_t skip)
{
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip));
}

static void write_program(struct program *p, pid_t self)
{
	const uint32_t refuse = SECCOMP_RET_ERRNO | EPERM;

	load(p, offsetof(struct seccomp_data, arch));
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0));
	answer(p, SECCOMP_RET_KILL_PROCESS);
	load_number(p);
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1));
	answer(p, refuse);
	for (size_t i = 0; i < DENIED; i++) {
		if_equal(p, denied[i], 1);
		answer(p, refuse);
	}
	for (size_t i = 0; i < OWN; i++) {
		if_equal(p, own_only[i], 5);
		load(p, offsetof(struct seccomp_data, args[0]));
		/* its own pid, or 0, which for kill would mean its group: the worker's alone */
		add(p,
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)self, 2, 0));
		add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0));
		answer(p, refuse);
		answer(p, SECCOMP_RET_ALLOW);
	}
	/* Threads are allowed, processes are not.  clone3 hides its flags in memory: without it, libc
	 * falls back to clone. */
	if_equal(p, SYS_clone3, 1);
	answer(p, SECCOMP_RET_ERRNO | ENOSYS);
	if_equal(p, SYS_clone, 4);
	load(p, offsetof(struct seccomp_data, args[0]));
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0));
	answer(p, refuse);
	answer(p, SECCOMP_RET_ALLOW);
	answer(p, SECCOMP_RET_ALLOW);
}

static int filter_calls(void)
{
	struct program p = {.n = 0};
	struct sock_fprog filter;

	write_program(&p, getpid());
	filter = (struct sock_fprog){.len = p.n, .filter = p.code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
		return -errno;
	return 0;
}

int duet__sandbox_probe(void)
{
	return ARCH != 0 && landlock_abi() >= 1 && prctl(PR_GET_SECCOMP) >= 0 ? 0 : -ENOSYS;
}

int duet__sandbox_enter(void)
{
	int r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? lock_files() : -errno;

	return r < 0 ? r : filter_calls();
}
