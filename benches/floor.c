/* The least that does the thing at all: what the benches hold their figures against.
 *
 *   floor                     raw mode, alternate screen, one cell changes a key; q leaves
 *   floor spawn N PROGRAM     starts PROGRAM N times with posix_spawn, one after the other
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

extern char **environ;

static int screen(void) {
    static const char enter[] = "\x1b[?1049h\x1b[?25l\x1b[2J\x1b[1;1H0", leave[] = "\x1b[?25h\x1b[?1049l";
    struct termios found, raw;
    unsigned presses = 0;
    char key, cell[16];
    if (tcgetattr(0, &found))
        return 1;
    raw = found;
    cfmakeraw(&raw);
    tcsetattr(0, TCSANOW, &raw);
    if (write(1, enter, sizeof enter - 1) < 0)
        return 1;
    while (read(0, &key, 1) == 1 && key != 'q') {
        int length = snprintf(cell, sizeof cell, "\x1b[1;1H%c", '0' + ++presses % 10);
        if (write(1, cell, length) < 0)
            break;
    }
    tcsetattr(0, TCSANOW, &found);
    return write(1, leave, sizeof leave - 1) < 0;
}

static int spawn(long times, char **command) {
    for (; times > 0; times--) {
        pid_t child;
        int status;
        if (posix_spawn(&child, command[0], NULL, NULL, command, environ))
            return 1;
        if (waitpid(child, &status, 0) != child || status != 0)
            return 1;
    }
    return 0;
}

int main(int words, char **word) {
    return words > 3 ? spawn(atol(word[2]), word + 3) : screen();
}
