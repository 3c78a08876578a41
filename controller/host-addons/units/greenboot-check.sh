#!/bin/sh
# greenboot looks at its checks before boot-complete.target, and goes back by them alone. Waits for the target where it is still to come.
if systemctl start scantling-addons.target; then exit 0; fi
echo 'not all addons of this deployment are merged: see /run/scantling/seal.json'
exit 1
