/* SPDX-License-Identifier: MIT
 *
 * Programs that Linux systems are lost without, or their user's work: what
 * keeps a session, the display, sound, and virtual machines.
 *
 * The names are those of the files that the projects install, on Debian,
 * Fedora, Arch and openSUSE. A project that adds one is a line here.
 */
#include "../known.h"

/* Nix and Guix keep each package in a folder of its own below theirs. */
static const char *const folders[] = {"/bin/",
                                      "/gnu/store/",
                                      "/lib/",
                                      "/lib64/",
                                      "/nix/store/",
                                      "/sbin/",
                                      "/usr/bin/",
                                      "/usr/lib/",
                                      "/usr/lib64/",
                                      "/usr/libexec/",
                                      "/usr/local/bin/",
                                      "/usr/local/lib/",
                                      "/usr/local/libexec/",
                                      "/usr/local/sbin/",
                                      "/usr/sbin/",
                                      NULL};

static const char *const session[] = {
    /* The system's own services. */
    "NetworkManager", "busybox-init", "dbus-broker", "dbus-broker-launch",
    "dbus-daemon", "dinit", "earlyoom", "elogind", "init", "nohang", "oomd",
    "openrc-init", "polkitd", "runit", "runsvdir", "s6-svscan", "seatd",
    "systemd", "systemd-executor", "systemd-journald", "systemd-logind",
    "systemd-networkd", "systemd-oomd", "systemd-resolved", "systemd-udevd",
    "systemd-userdbd", "udevd", "wpa_supplicant",
    /* Logins, also from afar. */
    "agetty", "dropbear", "gdm", "gdm-session-worker", "gdm-wayland-session",
    "gdm-x-session", "gdm3", "getty", "gnome-remote-desktop-daemon", "greetd",
    "lightdm", "login", "lxdm", "ly", "ly-dm", "mosh-server", "plasmalogin",
    "sddm", "sddm-helper", "slim", "sshd", "sshd-auth", "sshd-session", "xdm",
    "xrdp", "xrdp-sesman",
    /* What keeps a user's secrets, or asks for them. */
    "gnome-keyring-daemon", "gpg-agent", "hyprlock", "i3lock",
    "kscreenlocker_greet", "light-locker", "ssh-agent", "swaylock",
    "xscreensaver", "xsecurelock",
    /* Terminal multiplexers: all that runs in them hangs on them. */
    "abduco", "dtach", "screen", "tmux", "zellij",
    /* Display servers, compositors and window managers. */
    "Hyprland", "X", "Xorg", "Xorg.bin", "Xtigervnc", "Xvnc", "Xwayland",
    "awesome", "bspwm", "cage", "cosmic-comp", "dwm", "enlightenment",
    "fluxbox", "gamescope", "gnome-shell", "herbstluftwm", "i3", "icewm",
    "kwin_wayland", "kwin_wayland_wrapper", "kwin_x11", "labwc", "marco",
    "metacity", "muffin", "mutter", "niri", "openbox", "qtile", "river",
    "spectrwm", "sway", "wayfire", "weston", "xfwm4", "xmonad",
    "xwayland-satellite",
    /* Desktops: sessions, panels, input methods, portals. */
    "budgie-panel", "budgie-wm", "cinnamon", "cinnamon-session",
    "cinnamon-session-binary", "cosmic-panel", "cosmic-session", "fcitx",
    "fcitx5", "gnome-session", "gnome-session-binary", "gnome-session-service",
    "ibus-daemon", "ksmserver", "lxpanel", "lxqt-panel", "lxqt-session",
    "lxsession", "mate-panel", "mate-session", "plasma_session", "plasmashell",
    "startplasma-wayland", "startplasma-x11", "waybar", "xdg-desktop-portal",
    "xfce4-panel", "xfce4-session", "xfdesktop", NULL};

/* Servers of sound. */
static const char *const audio[] = {
    "jackd",          "jackdbus",   "pipewire",     "pipewire-media-session",
    "pipewire-pulse", "pulseaudio", "rtkit-daemon", "speech-dispatcher",
    "wireplumber",    NULL};

/* Monitors of virtual machines: what their guests do is not seen here. */
static const char *const machine[] = {"VBoxHeadless",
                                      "VBoxSDL",
                                      "VirtualBoxVM",
                                      "bhyve",
                                      "cloud-hypervisor",
                                      "crosvm",
                                      "firecracker",
                                      "kvm",
                                      "lkvm",
                                      "qemu-kvm",
                                      "qemu-system-aarch64",
                                      "qemu-system-arm",
                                      "qemu-system-i386",
                                      "qemu-system-loongarch64",
                                      "qemu-system-m68k",
                                      "qemu-system-mips",
                                      "qemu-system-mips64",
                                      "qemu-system-mips64el",
                                      "qemu-system-mipsel",
                                      "qemu-system-ppc",
                                      "qemu-system-ppc64",
                                      "qemu-system-riscv32",
                                      "qemu-system-riscv64",
                                      "qemu-system-s390x",
                                      "qemu-system-sparc",
                                      "qemu-system-sparc64",
                                      "qemu-system-x86_64",
                                      "vmware-vmx",
                                      "vmware-vmx-debug",
                                      "vmware-vmx-stats",
                                      NULL};

const struct weftos_known weftos_known = {'/',
                                          folders,
                                          {{WEFT_MARK_SESSION, session},
                                           {WEFT_MARK_AUDIO, audio},
                                           {WEFT_MARK_MACHINE, machine}}};
