# The version has the form that the registry's tags have.
grep -Eqx '[0-9]+\.[0-9]+\.[0-9]+' VERSION || { echo "VERSION is no version: $(cat VERSION)"; exit 1; }
