/**
 * Media types of files that travel by mail, each with the extensions that stand for it, the usual one
 * first (IANA's registry; what it does not have as in mime-db). What is not here is no loss: a reader
 * goes by the filename too.
 */
const TYPES = `
application/appx appx
application/epub+zip epub
application/gpx+xml gpx
application/gzip gz gzip tgz
application/java-archive jar war
application/java-vm class
application/json json map
application/json5 json5
application/ld+json jsonld
application/manifest+json webmanifest
application/msword doc dot
application/oda oda
application/oxps oxps
application/pdf pdf
application/pgp-encrypted pgp
application/pgp-signature sig asc
application/pkcs10 p10
application/pkcs7-mime p7m p7c
application/pkcs7-signature p7s
application/pkcs8 p8
application/pkix-cert cer
application/postscript ai eps ps
application/rdf+xml rdf
application/rss+xml rss
application/rtf rtf
application/sql sql
application/toml toml
application/vnd.amazon.ebook azw
application/vnd.android.package-archive apk
application/vnd.apple.keynote key
application/vnd.apple.mpegurl m3u8
application/vnd.apple.numbers numbers
application/vnd.apple.pages pages
application/vnd.apple.pkpass pkpass
application/vnd.dart dart
application/vnd.dbf dbf
application/vnd.google-earth.kml+xml kml
application/vnd.google-earth.kmz kmz
application/vnd.ms-cab-compressed cab
application/vnd.ms-excel xls xla xlt
application/vnd.ms-excel.addin.macroenabled.12 xlam
application/vnd.ms-excel.sheet.binary.macroenabled.12 xlsb
application/vnd.ms-excel.sheet.macroenabled.12 xlsm
application/vnd.ms-htmlhelp chm
application/vnd.ms-outlook msg
application/vnd.ms-powerpoint ppt pot pps
application/vnd.ms-powerpoint.presentation.macroenabled.12 pptm
application/vnd.ms-project mpp
application/vnd.ms-word.document.macroenabled.12 docm
application/vnd.ms-works wps
application/vnd.ms-xpsdocument xps
application/vnd.oasis.opendocument.chart odc
application/vnd.oasis.opendocument.database odb
application/vnd.oasis.opendocument.formula odf
application/vnd.oasis.opendocument.graphics odg
application/vnd.oasis.opendocument.image odi
application/vnd.oasis.opendocument.presentation odp
application/vnd.oasis.opendocument.spreadsheet ods
application/vnd.oasis.opendocument.text odt
application/vnd.oasis.opendocument.text-master odm
application/vnd.oasis.opendocument.text-template ott
application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
application/vnd.openxmlformats-officedocument.presentationml.slideshow ppsx
application/vnd.openxmlformats-officedocument.presentationml.template potx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
application/vnd.openxmlformats-officedocument.spreadsheetml.template xltx
application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
application/vnd.openxmlformats-officedocument.wordprocessingml.template dotx
application/vnd.rar rar
application/vnd.rn-realmedia rm
application/vnd.visio vsd vsdx
application/vnd.wordperfect wpd
application/wasm wasm
application/wsdl+xml wsdl
application/x-7z-compressed 7z
application/x-abiword abw
application/x-apple-diskimage dmg
application/x-arj arj
application/x-bittorrent torrent
application/x-bzip2 bz2
application/x-cbr cbr cbz
application/x-chrome-extension crx
application/x-csh csh
application/x-debian-package deb
application/x-httpd-php php
application/x-iso9660-image iso
application/x-latex latex
application/x-msaccess mdb
application/x-msdownload bat dll msi
application/x-mspublisher pub
application/x-perl pl
application/x-pkcs12 p12 pfx
application/x-pkcs7-certificates p7b
application/x-redhat-package-manager rpm
application/x-sh sh
application/x-shockwave-flash swf
application/x-stuffit sit
application/x-subrip srt
application/x-tar tar
application/x-tex tex
application/x-x509-ca-cert der crt pem
application/x-xpinstall xpi
application/x-xz xz
application/xhtml+xml xhtml xht
application/xml xml xsd xsl
application/xml-dtd dtd
application/xslt+xml xslt
application/xspf+xml xspf
application/zip zip
application/zstd zst
audio/aac aac
audio/midi mid midi
audio/mp4 m4a
audio/mpeg mp3
audio/ogg oga ogg opus
audio/s3m s3m
audio/wav wav
audio/webm weba
audio/x-aiff aif aiff
audio/x-flac flac
audio/x-mpegurl m3u
audio/x-ms-wma wma
font/collection ttc
font/otf otf
font/ttf ttf
font/woff woff
font/woff2 woff2
image/avif avif
image/bmp bmp dib
image/emf emf
image/gif gif
image/heic heic
image/heif heif
image/jp2 jp2
image/jpeg jpg jpe jpeg
image/pjpeg jfif
image/png png
image/svg+xml svg svgz
image/tiff tif tiff
image/vnd.adobe.photoshop psd
image/vnd.dwg dwg
image/vnd.dxf dxf
image/vnd.microsoft.icon ico
image/vnd.zbrush.pcx pcx
image/webp webp
image/wmf wmf
image/x-tga tga
image/x-xbitmap xbm
image/x-xpixmap xpm
message/rfc822 eml mime
model/stl stl
text/calendar ics ifb
text/css css
text/csv csv
text/html html htm shtml
text/javascript js mjs
text/jsx jsx
text/less less
text/markdown md markdown
text/plain txt cs go ini log r text
text/richtext rtx
text/tab-separated-values tsv
text/vcard vcard
text/vtt vtt
text/x-c c cpp h
text/x-gettext-translation po
text/x-java-source java
text/x-lua lua
text/x-python py
text/x-ruby rb
text/x-sass sass
text/x-scss scss
text/x-vcalendar vcs
text/x-vcard vcf
text/yaml yaml yml
video/mp4 mp4
video/mpeg mpeg mpg
video/ogg ogv
video/quicktime qt mov
video/webm webm
video/x-flv flv
video/x-m4v m4v
video/x-matroska mkv
video/x-ms-vob vob
video/x-ms-wmv wmv
video/x-msvideo avi
`;

let types: ReadonlyMap<string, string> | undefined;
let extensions: ReadonlyMap<string, string> | undefined;

/** The media type of an extension, in any case; `undefined` for one that is not listed. */
export function typeOfExtension(extension: string): string | undefined {
  types ??= new Map(
    rows().flatMap(([type, ...all]) => all.map((one): [string, string] => [one, type!])),
  );
  return types.get(extension.toLowerCase());
}

/** The usual extension of a media type, whose parameters count for nothing. */
export function extensionOf(contentType: string): string | undefined {
  extensions ??= new Map(rows().map(([type, usual]) => [type!, usual!]));
  return extensions.get(/^[^; ]*/.exec(contentType)![0].toLowerCase());
}

function rows(): string[][] {
  return TYPES.trim()
    .split('\n')
    .map((row) => row.split(' '));
}
