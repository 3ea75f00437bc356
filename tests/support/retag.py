# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives a song new tags, in place, as the programs of subscribers do.

usage: retag.py FILE TITLE [COVER]

That title, an artist and 2 KB of lyrics; with COVER that picture too. Where
the name of the file says so, besides: `id3v1` an ID3v1 tag, `ape` an APE tag
before it, `shrunk` no padding. Written with Mutagen (python3-mutagen), which Picard and
beets use: other hands than those that split the file.
"""
import base64
import os
import sys

from mutagen import aiff, apev2, flac, id3, mp3, mp4, oggflac, oggopus
from mutagen import oggvorbis, wave

ARTIST = "Another Artist"
LYRICS = "a line of lyrics that was not there before\n" * 48


def picture_of(cover):
    picture = flac.Picture()
    picture.type = id3.PictureType.COVER_FRONT
    picture.mime = "image/jpeg"
    picture.data = cover
    return picture


def write_comment(song, title, cover):
    """Vorbis comments: FLAC and all in Ogg."""
    song["title"] = title
    song["artist"] = ARTIST
    song["lyrics"] = LYRICS
    if cover and isinstance(song, flac.FLAC):
        song.clear_pictures()
        song.add_picture(picture_of(cover))
    elif cover:
        block = picture_of(cover).write()
        song["metadata_block_picture"] = base64.b64encode(block).decode()


def write_id3(song, title, cover):
    if song.tags is None:
        song.add_tags()
    song.tags.setall("TIT2", [id3.TIT2(encoding=3, text=title)])
    song.tags.setall("TPE1", [id3.TPE1(encoding=3, text=ARTIST)])
    song.tags.setall("USLT", [id3.USLT(encoding=3, lang="eng", text=LYRICS)])
    if cover:
        song.tags.setall("APIC", [id3.APIC(
            encoding=0, mime="image/jpeg", type=3, desc="", data=cover)])


def write_mp4(song, title, cover):
    song["\xa9nam"] = title
    song["\xa9ART"] = ARTIST
    song["\xa9lyr"] = LYRICS
    if cover:
        song["covr"] = [mp4.MP4Cover(cover, mp4.MP4Cover.FORMAT_JPEG)]


def write_ape(path, title):
    tags = apev2.APEv2()
    tags["Title"] = title
    tags["Lyrics"] = LYRICS
    tags.save(path)


KINDS = {
    ".mp3": (mp3.MP3, write_id3),
    ".wav": (wave.WAVE, write_id3),
    ".aiff": (aiff.AIFF, write_id3),
    ".m4a": (mp4.MP4, write_mp4),
    ".flac": (flac.FLAC, write_comment),
    ".ogg": (oggvorbis.OggVorbis, write_comment),
    ".opus": (oggopus.OggOpus, write_comment),
    ".oga": (oggflac.OggFLAC, write_comment),
}


def main():
    path, title = sys.argv[1:3]
    name = os.path.basename(path)
    cover = None
    if len(sys.argv) > 3:
        with open(sys.argv[3], "rb") as file:
            cover = file.read()
    read, write = KINDS[os.path.splitext(path)[1]]
    song = read(path)
    write(song, title, cover)
    options = {}
    if "shrunk" in name:
        options["padding"] = lambda info: 0
    if "id3v1" in name:
        options["v1"] = id3.ID3v1SaveOptions.CREATE
    song.save(**options)
    if "ape" in name:
        write_ape(path, title)


main()
