# After an upgrade the new version takes over, if the old one ran. Configuration, data and user stay, also when it is removed.
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
    if [ "$1" -ge 1 ]; then
        systemctl try-restart torod.service || :
    fi
fi
