/*
 * Small but real pictures and documents: a PNG, a JPEG or a PDF of a given size, so that what
 * reaches a client can be opened and measured. PNGs are not compressed: they are as large as their
 * size says.
 */
#include "sandbox.h"

static void put_u32(struct lk_buf *buf, uint32_t value)
{
    const unsigned char bytes[4] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
                                    (unsigned char)(value >> 8), (unsigned char)value};

    lk_buf_append(buf, bytes, 4);
}

/* ---- PNG (ISO/IEC 15948): one bit a pixel, in stored blocks (RFC 1951 section 3.2.4) ---- */

static uint32_t crc32_of(const char *bytes, size_t len)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < len; i++) {
        crc ^= (unsigned char)bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static uint32_t adler32_of(const char *bytes, size_t len)
{
    uint32_t a = 1, b = 0;

    for (size_t i = 0; i < len; i++) {
        a = (a + (unsigned char)bytes[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

static void put_chunk(struct lk_buf *buf, const char *type, struct lk_str data)
{
    size_t start;

    put_u32(buf, (uint32_t)data.len);
    start = buf->len;
    lk_buf_append(buf, type, 4);
    lk_buf_str(buf, data);
    put_u32(buf, crc32_of(buf->ptr + start, buf->len - start));
}

static void deflate_stored(struct lk_buf *out, struct lk_str data)
{
    struct lk_str rest = data;

    lk_buf_append(out, "\x78\x01", 2);
    do {
        size_t len = rest.len < 65535 ? rest.len : 65535;
        const unsigned char head[5] = {
            len == rest.len,     (unsigned char)len,         (unsigned char)(len >> 8),
            (unsigned char)~len, (unsigned char)(~len >> 8),
        };

        lk_buf_append(out, head, sizeof(head));
        lk_buf_append(out, rest.ptr, len);
        rest = lk_str_n(rest.ptr + len, rest.len - len);
    } while (rest.len > 0);
    put_u32(out, adler32_of(data.ptr, data.len));
}

static void put_png(struct sb_request *rq, struct lk_buf *buf, int64_t width, int64_t height)
{
    struct lk_buf *header = sb_buf(rq), *rows = sb_buf(rq), *data = sb_buf(rq);
    size_t row_bytes = (size_t)(width + 7) / 8;

    put_u32(header, (uint32_t)width);
    put_u32(header, (uint32_t)height);
    lk_buf_append(header, "\x01\x00\x00\x00\x00", 5);
    for (int64_t y = 0; y < height; y++) {
        char *row = lk_buf_reserve(rows, 1 + row_bytes);

        if (row == NULL)
            break;
        row[0] = 0;
        memset(row + 1, y % 2 != 0 ? 0xaa : 0x55, row_bytes);
        rows->len += 1 + row_bytes;
    }
    deflate_stored(data, lk_buf_view(rows));
    lk_buf_append(buf, "\x89PNG\r\n\x1a\n", 8);
    put_chunk(buf, "IHDR", lk_buf_view(header));
    put_chunk(buf, "IDAT", lk_buf_view(data));
    put_chunk(buf, "IEND", (struct lk_str){0});
}

/* ---- JPEG (ITU-T T.81): grey; each block is two bits, "no difference" and "nothing else" ---- */

static void put_jpeg(struct lk_buf *buf, int64_t width, int64_t height)
{
    static const unsigned char tables[] = {0xff, 0xc4, 0, 40, /* a code of one bit for symbol 0 … */
                                           0x00, 1,    0, 0,  0, 0, 0,    0, 0, 0, 0, 0,
                                           0,    0,    0, 0,  0, 0, 0x10, 1, 0, 0, 0, 0,
                                           0,    0,    0, 0,  0, 0, 0,    0, 0, 0, 0, 0};
    const unsigned char frame[] = {0xff,
                                   0xc0,
                                   0,
                                   11,
                                   8,
                                   (unsigned char)(height >> 8),
                                   (unsigned char)height,
                                   (unsigned char)(width >> 8),
                                   (unsigned char)width,
                                   1,
                                   1,
                                   0x11,
                                   0};
    int64_t bits = (width + 7) / 8 * ((height + 7) / 8) * 2;

    lk_buf_append(buf, "\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0", 20);
    lk_buf_append(buf, "\xff\xdb\0\x43\0", 5);
    for (int i = 0; i < 64; i++)
        lk_buf_char(buf, 1);
    lk_buf_append(buf, frame, sizeof(frame));
    lk_buf_append(buf, tables, sizeof(tables));
    lk_buf_append(buf, "\xff\xda\0\x08\x01\x01\0\0\x3f\0", 10);
    for (int64_t i = 0; i < bits / 8; i++)
        lk_buf_char(buf, 0);
    if (bits % 8 != 0) /* filled up with ones */
        lk_buf_char(buf, (char)(0xff >> bits % 8));
    lk_buf_append(buf, "\xff\xd9", 2);
}

/* ---- PDF (ISO 32000): an empty page ---- */

static void put_pdf(struct lk_buf *buf, int64_t width, int64_t height)
{
    size_t at[4];

    lk_buf_lit(buf, "%PDF-1.4\n");
    at[1] = buf->len;
    lk_buf_lit(buf, "1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n");
    at[2] = buf->len;
    lk_buf_lit(buf, "2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1>>\nendobj\n");
    at[3] = buf->len;
    lk_buf_printf(buf, "3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 %lld %lld]>>\nendobj\n",
                  (long long)width, (long long)height);
    at[0] = buf->len;
    lk_buf_lit(buf, "xref\n0 4\n0000000000 65535 f \n");
    for (int i = 1; i < 4; i++)
        lk_buf_printf(buf, "%010zu 00000 n \n", at[i]);
    lk_buf_printf(buf, "trailer\n<</Size 4/Root 1 0 R>>\nstartxref\n%zu\n%%%%EOF\n", at[0]);
}

void sb_answer_picture(struct sb_request *rq, struct sb_answer *out, const char *format,
                       int64_t width, int64_t height)
{
    struct lk_buf *buf = sb_buf(rq);

    if (strcmp(format, "png") == 0) {
        out->content_type = "image/png";
        put_png(rq, buf, width, height);
    } else if (strcmp(format, "jpg") == 0) {
        out->content_type = "image/jpeg";
        put_jpeg(buf, width, height);
    } else {
        out->content_type = "application/pdf";
        put_pdf(buf, width, height);
    }
    out->status = 200;
    out->body = lk_buf_view(buf);
}
