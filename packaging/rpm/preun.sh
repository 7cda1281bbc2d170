# Removed, not upgraded: stop it and take its links away.
if [ "$1" -eq 0 ]; then
    if [ -d /run/systemd/system ]; then
        systemctl --no-reload disable --now torod.service torod-listen.socket || :
    else
        systemctl --no-reload disable torod.service torod-listen.socket || :
    fi
fi
