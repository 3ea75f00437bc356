# SPDX-License-Identifier: GPL-3.0-or-later
# cmake -D SCRIPTS="a;b" -D FOLDER=dir -D HEADER=path/of/scripts.h -D OUT=file.c
#     -P embed_scripts.cmake
# Writes each script as `const struct redis_script script_NAME`. A line
# "-- include NAME" is replaced by the text of NAME.lua. Bytes, not a string
# literal: C17 promises no more than 4095 characters of one. Scripts are ASCII.
file(WRITE ${OUT}.new "/* Made from Lua scripts by CMake. */\n"
    "#include \"${HEADER}\"\n")
foreach(name IN LISTS SCRIPTS)
    file(READ ${FOLDER}/${name}.lua text)
    string(REGEX MATCHALL "-- include [a-z_]+" includes "${text}")
    foreach(include IN LISTS includes)
        string(REPLACE "-- include " "" part ${include})
        file(READ ${FOLDER}/${part}.lua part_text)
        string(REPLACE "${include}" "${part_text}" text "${text}")
    endforeach()
    string(HEX "${text}" bytes)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    string(REPLACE "0x0a," "0x0a,\n" bytes "${bytes}") # a line for a line
    file(APPEND ${OUT}.new
        "static const char ${name}[] = {${bytes}0};\n"
        "const struct redis_script script_${name} = {\"${name}\", ${name}};\n")
endforeach()
file(RENAME ${OUT}.new ${OUT})
