# Where things are. See docs/addons-on-hosts.md.
store=/var/lib/scantling/addons
records=$store/.records
run=/run/scantling
# $state/key         boot, count of soft reboots and deployment that the links were made for
# $state/current     link to the generation that /run/extensions leads to
# $state/gN/         one generation: NAME.raw links, and .facts/ with what was found out about it
# $state/changing    the generation of before, while a live change is under way
# $state/sealed      there while what is merged is what the record says
state=$run/addons
extensions=/run/extensions
seal_file=$run/seal.json
support_file=$run/addons-support.json
sysext_unit=systemd-sysext.service
