// Preloaded into a node: while the file $SLOW_DISK exists, every sync waits, and the file $SLOW_DISK.held tells that one does.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_while_it_is_there(void) {
  const char* path = getenv("SLOW_DISK");
  char held[4096];
  snprintf(held, sizeof held, "%s.held", path ? path : "");
  while (path && access(path, F_OK) == 0) {
    int fd = open(held, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0)
      close(fd);
    usleep(10000);
  }
}

int fdatasync(int fd) {
  wait_while_it_is_there();
  return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
int fsync(int fd) {
  wait_while_it_is_there();
  return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
