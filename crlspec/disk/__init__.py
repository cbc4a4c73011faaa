"""What goes to the disk goes through here: whole or not at all, by calls that never take each other's files.

``write`` puts one file in place, ``folder`` many files at once, ``room`` asks beforehand whether they can be
written, ``owner`` names what is not in place yet and sweeps what killed calls left of it, ``seal`` ends a file with a
digest of its bytes, ``netcdf`` makes the bytes of a NetCDF file.
"""
