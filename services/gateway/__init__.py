"""The gateway: where players' apps arrive. It answers most taps itself and passes the rest on."""
