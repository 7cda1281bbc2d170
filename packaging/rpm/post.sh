# The user and the folders; the service is enabled by whoever wants it, as rpm distributions expect.
systemd-sysusers torod.conf || :
systemd-tmpfiles --create torod.conf || :
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
fi
if [ "$1" -eq 1 ]; then
    systemctl --no-reload preset torod.service torod-listen.socket || :
fi
