/* SPDX-License-Identifier: MIT
 *
 * Programs that macOS is lost without, or its user's work.
 *
 * What lies in the system's folders can't be changed by anybody while System
 * Integrity Protection is on; Homebrew's cellar can be by its user, and is here
 * for what he has installed there himself.
 */
#include "../known.h"

static const char *const folders[] = {
    "/System/",      "/opt/homebrew/Cellar/", "/sbin/",     "/usr/bin/",
    "/usr/libexec/", "/usr/local/Cellar/",    "/usr/sbin/", NULL};

static const char *const session[] = {
    /* The system's own services. */
    "UserEventAgent", "bluetoothd", "cfprefsd", "configd", "diskarbitrationd",
    "distnoted", "hidd", "launchd", "logd", "mDNSResponder", "notifyd",
    "opendirectoryd", "powerd", "runningboardd", "syslogd", "watchdogd",
    /* Secrets, and who asks for them. */
    "BiometricKit", "SecurityAgent", "biometrickitd", "keybagd", "secd",
    "securityd", "ssh-agent", "tccd", "trustd",
    /* Display and desktop. */
    "ControlCenter", "Dock", "Finder", "NotificationCenter", "Spotlight",
    "SystemUIServer", "WindowManager", "WindowServer", "loginwindow",
    /* Logins from afar, terminal multiplexers. */
    "mosh-server", "screen", "sshd", "sshd-session", "tmux", "zellij", NULL};

static const char *const audio[] = {"coreaudiod", NULL};

static const char *const machine[] = {
    "com.apple.Virtualization.VirtualMachine",
    "qemu-system-aarch64",
    "qemu-system-i386",
    "qemu-system-x86_64",
    "/Applications/Parallels Desktop.app/Contents/MacOS/Parallels VM.app/"
    "Contents/MacOS/prl_vm_app",
    "/Applications/VMware Fusion.app/Contents/Library/vmware-vmx",
    "/Applications/VirtualBox.app/Contents/Resources/VirtualBoxVM.app/Contents/"
    "MacOS/VirtualBoxVM",
    NULL};

const struct weftos_known weftos_known = {'/',
                                          folders,
                                          {{WEFT_MARK_SESSION, session},
                                           {WEFT_MARK_AUDIO, audio},
                                           {WEFT_MARK_MACHINE, machine}}};
