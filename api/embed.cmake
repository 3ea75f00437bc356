# SPDX-License-Identifier: GPL-3.0-or-later
# cmake -DIN=file -DOUT=file.c -DNAME=name -DHEADER=header.h -P embed.cmake
# Writes the bytes of IN as a C array NAME, and NAME_length.
file(READ ${IN} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
# No line longer than compilers like.
string(REGEX REPLACE
    "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n"
    bytes "${bytes}")
file(WRITE ${OUT}
    "/* Written by embed.cmake from ${IN}. */\n"
    "#include \"${HEADER}\"\n\n"
    "const uint8_t ${NAME}[] = {\n${bytes}\n};\n"
    "const size_t ${NAME}_length = sizeof ${NAME};\n")
