# The user and the folders; the service is enabled by whoever wants it, as rpm distributions expect.
systemd-sysusers torod.conf || :
# An image that is being made may have no /proc, which is wanted where no root is named.
systemd-tmpfiles --create torod.conf || systemd-tmpfiles --root=/ --create torod.conf || :
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
fi
if [ "$1" -eq 1 ]; then
    systemctl --no-reload preset torod.service || :
fi
