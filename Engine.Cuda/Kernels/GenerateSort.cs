using System.Text;

namespace Edifice.Engine.Cuda.Kernels;

/// <summary>Stable sorting of lines along an axis: elements become unsigned keys of the same order; tiles of up to 1024 (key, place) pairs
/// are sorted in shared memory by a bitonic network, sorted runs merged pairwise by ranks, and the elements fetched by
/// their places.</summary>
/// <remarks>
/// <para>No two pairs are equal, so the order is one and stable. Keys of floats: the bits of negative numbers inverted, of others the sign bit
/// set; -0 made +0 first, every NaN the largest. Descending: keys inverted.</para>
/// <para>Keys lie as u64 [lines, n], places as u32 [lines, n], in two copies that take turns. A merge of runs of w entries gives each entry the
/// rank that its place in the own run and a binary search in the other add up to. Bound by memory: n log₂(n / 1024) keys and
/// places read and written.</para>
/// </remarks>
internal static class GenerateSort
{
    /// <summary>Entries a block sorts at most.</summary>
    public const int Tile = 1024;

    /// <summary>Threads per block of the other two kernels.</summary>
    public const int Threads = 256;

    /// <summary>The text for a dtype and so many axes beside the sorted one.</summary>
    public static string Text(DType dtype, int rank)
    {
        var type = ElementType.Of(dtype);
        var text = new StringBuilder();
        text.AppendUses("thread_element");
        text.Append("// Sorts tiles: block = tile of a line; tile is a power of two, two entries per thread.\n.visible .entry tiles(\n");
        text.Append("    .param .u64 at_x,\n    .param .u64 keys,\n    .param .u64 places,\n    .param .u32 entries,\n    .param .u32 tile,\n    .param .u32 tiles_per_line,\n    .param .u32 descending,\n    .param .s64 along_x");
        for (var axis = 1; axis < rank; axis++) text.Append($",\n    .param .u32 extent{axis}");
        for (var axis = 0; axis < rank; axis++) text.Append($",\n    .param .s64 step_x{axis}");
        text.Append($")\n.maxntid {Tile / 2}, 1, 1\n{{\n");
        text.Append($$"""
                .reg .pred %outside, %isnan, %down, %more, %greater, %equal, %ascending, %swap;
                .reg .u32 %n, %tile, %tiles, %descending, %thread, %block, %line, %first, %e, %i, %j, %k, %partner, %left, %place, %extent, %half, %shared_key, %shared_place, %a, %b, %place0, %place1, %at_place0, %at_place1;
                .reg .u64 %wide, %step, %at_x, %keys, %places, %along, %at, %key, %sign, %key0, %key1;
                .reg .b32 %bits;
                .reg .{{type.Register}} %x;
                .shared .align 8 .b8 tile_keys[{{Tile * 8}}];
                .shared .align 4 .b8 tile_places[{{Tile * 4}}];

                ld.param.u32 %n, [entries];
                ld.param.u32 %tile, [tile];
                ld.param.u32 %tiles, [tiles_per_line];
                ld.param.u32 %descending, [descending];
                ld.param.u64 %along, [along_x];
                ld.param.u64 %at_x, [at_x];
                ld.param.u64 %keys, [keys];
                ld.param.u64 %places, [places];
                cvta.to.global.u64 %at_x, %at_x;
                cvta.to.global.u64 %keys, %keys;
                cvta.to.global.u64 %places, %places;
                mov.u32 %thread, %tid.x;
                mov.u32 %block, %ctaid.x;
                mov.u32 %shared_key, tile_keys;
                mov.u32 %shared_place, tile_places;
                setp.ne.u32 %down, %descending, 0;
                shr.u32 %half, %tile, 1;
                div.u32 %line, %block, %tiles;
                mul.lo.u32 %first, %line, %tiles;
                sub.u32 %first, %block, %first;
                mul.lo.u32 %first, %first, %tile;
                mov.u32 %i, %line;

            """);
        GenerateElementwise.Locate(text, rank, ["x"]);
        text.Append("""
                mov.u32 %j, %thread;
            LOAD:
                // Behind the line's end: a pair above all others.
                add.u32 %e, %first, %j;
                mov.u64 %key, 0xffffffffffffffff;
                mov.u32 %place0, 0xffffffff;
                setp.ge.u32 %outside, %e, %n;
                @%outside bra LOADED;
                mov.u32 %place0, %e;
                cvt.u64.u32 %wide, %e;
                mad.lo.u64 %at, %wide, %along, %at_x;

            """);
        text.Append($"    ld.global.{type.Memory} %x, [%at];\n").Append(Key(dtype));
        text.Append("""
                not.b64 %sign, %key;
                selp.b64 %key, %sign, %key, %down;
            LOADED:
                mad.lo.u32 %a, %j, 8, %shared_key;
                st.shared.u64 [%a], %key;
                mad.lo.u32 %a, %j, 4, %shared_place;
                st.shared.u32 [%a], %place0;
                add.u32 %j, %j, %half;
                setp.lt.u32 %more, %j, %tile;
                @%more bra LOAD;

                // Bitonic runs of k entries become sorted ones, those with bit k of their place set downwards.
                mov.u32 %k, 2;
            RUNS:
                setp.gt.u32 %more, %k, %tile;
                @%more bra SORTED;
                shr.u32 %j, %k, 1;
            STEPS:
                bar.sync 0;
                sub.u32 %a, %j, 1;
                and.b32 %a, %a, %thread;
                shl.b32 %i, %thread, 1;
                sub.u32 %i, %i, %a;
                add.u32 %partner, %i, %j;
                mad.lo.u32 %a, %i, 8, %shared_key;
                mad.lo.u32 %b, %partner, 8, %shared_key;
                mad.lo.u32 %at_place0, %i, 4, %shared_place;
                mad.lo.u32 %at_place1, %partner, 4, %shared_place;
                ld.shared.u64 %key0, [%a];
                ld.shared.u64 %key1, [%b];
                ld.shared.u32 %place0, [%at_place0];
                ld.shared.u32 %place1, [%at_place1];
                setp.eq.u64 %equal, %key0, %key1;
                setp.gt.and.u32 %equal, %place0, %place1, %equal;
                setp.gt.or.u64 %greater, %key0, %key1, %equal;
                and.b32 %e, %i, %k;
                setp.eq.u32 %ascending, %e, 0;
                xor.pred %swap, %greater, %ascending;
                @%swap bra STAY;
                st.shared.u64 [%a], %key1;
                st.shared.u64 [%b], %key0;
                st.shared.u32 [%at_place0], %place1;
                st.shared.u32 [%at_place1], %place0;
            STAY:
                shr.u32 %j, %j, 1;
                setp.ne.u32 %more, %j, 0;
                @%more bra STEPS;
                shl.b32 %k, %k, 1;
                bra RUNS;
            SORTED:
                bar.sync 0;
                mov.u32 %j, %thread;
            STORE:
                add.u32 %e, %first, %j;
                setp.ge.u32 %outside, %e, %n;
                @%outside bra STORED;
                mad.lo.u32 %a, %j, 8, %shared_key;
                ld.shared.u64 %key, [%a];
                mad.lo.u32 %a, %j, 4, %shared_place;
                ld.shared.u32 %place0, [%a];
                mad.lo.u32 %e, %line, %n, %e;
                mad.wide.u32 %at, %e, 8, %keys;
                st.global.u64 [%at], %key;
                mad.wide.u32 %at, %e, 4, %places;
                st.global.u32 [%at], %place0;
            STORED:
                add.u32 %j, %j, %half;
                setp.lt.u32 %more, %j, %tile;
                @%more bra STORE;
                ret;
            }

            """);
        text.Append(Merge);
        Fetch(type, rank, text);
        return KernelSource.Header + KernelSource.Expand(text.ToString(), dtype);
    }

    // %key, of an integer or float %x.
    private static string Key(DType dtype) => dtype switch
    {
        DType.Float32 => """
                add.rn.f32 %x, %x, 0f00000000;
                mov.b32 %bits, %x;
                shr.s32 %a, %bits, 31;
                or.b32 %a, %a, 0x80000000;
                xor.b32 %a, %bits, %a;
                setp.nan.f32 %isnan, %x, %x;
                selp.b32 %a, 0xffffffff, %a, %isnan;
                cvt.u64.u32 %key, %a;

            """,
        DType.Float64 => """
                add.rn.f64 %x, %x, 0d0000000000000000;
                mov.b64 %key, %x;
                shr.s64 %sign, %key, 63;
                or.b64 %sign, %sign, 0x8000000000000000;
                xor.b64 %key, %key, %sign;
                setp.nan.f64 %isnan, %x, %x;
                selp.b64 %key, 0xffffffffffffffff, %key, %isnan;

            """,
        DType.Int32 => """
                cvt.s64.s32 %key, %x;
                xor.b64 %key, %key, 0x8000000000000000;

            """,
        _ => """
                mov.b64 %key, %x;
                xor.b64 %key, %key, 0x8000000000000000;

            """,
    };

    private const string Merge = """
        // Merges runs of "width" entries pairwise: a thread per entry. The left run's entries come first among equal keys.
        .visible .entry merge(
            .param .u64 keys,
            .param .u64 places,
            .param .u64 merged_keys,
            .param .u64 merged_places,
            .param .u32 total,
            .param .u32 entries,
            .param .u32 width)
        .maxntid 256, 1, 1
        {
            .reg .pred %outside, %isright, %more, %goes, %equal;
            .reg .u32 %total, %n, %width, %i, %block, %line, %e, %pair, %run, %from, %to, %low, %high, %middle, %own, %place, %base;
            .reg .u64 %keys, %places, %merged_keys, %merged_places, %at, %key, %other;

            ld.param.u32 %total, [total];
            $thread_element(%i, %total)
            ld.param.u32 %n, [entries];
            ld.param.u32 %width, [width];
            ld.param.u64 %keys, [keys];
            ld.param.u64 %places, [places];
            ld.param.u64 %merged_keys, [merged_keys];
            ld.param.u64 %merged_places, [merged_places];
            cvta.to.global.u64 %keys, %keys;
            cvta.to.global.u64 %places, %places;
            cvta.to.global.u64 %merged_keys, %merged_keys;
            cvta.to.global.u64 %merged_places, %merged_places;
            div.u32 %line, %i, %n;
            mul.lo.u32 %base, %line, %n;
            sub.u32 %e, %i, %base;
            mad.wide.u32 %at, %i, 8, %keys;
            ld.global.u64 %key, [%at];
            mad.wide.u32 %at, %i, 4, %places;
            ld.global.u32 %place, [%at];

            // The own run [run, run + width) and the other one, [from, to).
            div.u32 %run, %e, %width;
            and.b32 %own, %run, 1;
            setp.ne.u32 %isright, %own, 0;
            mul.lo.u32 %run, %run, %width;
            sub.u32 %own, %e, %run;
            sub.u32 %pair, %run, %width;
            selp.u32 %pair, %pair, %run, %isright;
            add.u32 %from, %run, %width;
            selp.u32 %from, %pair, %from, %isright;
            min.u32 %from, %from, %n;
            add.u32 %to, %from, %width;
            min.u32 %to, %to, %n;

            // How many of the other run come before this entry.
            mov.u32 %low, %from;
            mov.u32 %high, %to;
        SEARCH:
            setp.ge.u32 %more, %low, %high;
            @%more bra FOUND;
            add.u32 %middle, %low, %high;
            shr.u32 %middle, %middle, 1;
            add.u32 %block, %base, %middle;
            mad.wide.u32 %at, %block, 8, %keys;
            ld.global.u64 %other, [%at];
            setp.eq.and.u64 %equal, %other, %key, %isright;
            setp.lt.or.u64 %goes, %other, %key, %equal;
            add.u32 %block, %middle, 1;
            selp.u32 %low, %block, %low, %goes;
            selp.u32 %high, %high, %middle, %goes;
            bra SEARCH;
        FOUND:
            sub.u32 %low, %low, %from;
            add.u32 %low, %low, %own;
            add.u32 %low, %low, %pair;
            add.u32 %low, %low, %base;
            mad.wide.u32 %at, %low, 8, %merged_keys;
            st.global.u64 [%at], %key;
            mad.wide.u32 %at, %low, 4, %merged_places;
            st.global.u32 [%at], %place;
        DONE:
            ret;
        }

        """;

    private static void Fetch(ElementType type, int rank, StringBuilder text)
    {
        text.Append("// values = the elements at their places, indices = the places: a thread per entry.\n.visible .entry fetch(\n");
        text.Append("    .param .u64 at_x,\n    .param .u64 at_y,\n    .param .u64 at_z,\n    .param .u64 places,\n    .param .u32 total,\n    .param .u32 entries,\n    .param .s64 along_x,\n    .param .s64 along_y,\n    .param .s64 along_z");
        for (var axis = 1; axis < rank; axis++) text.Append($",\n    .param .u32 extent{axis}");
        foreach (var name in (ReadOnlySpan<string>)["x", "y", "z"])
            for (var axis = 0; axis < rank; axis++) text.Append($",\n    .param .s64 step_{name}{axis}");
        text.Append($$"""
            )
            .maxntid 256, 1, 1
            {
                .reg .pred %outside;
                .reg .u32 %total, %n, %i, %block, %e, %entry, %left, %place, %extent, %from;
                .reg .u64 %wide, %step, %at_x, %at_y, %at_z, %places, %along, %at, %index;
                .reg .{{type.Register}} %x;

                ld.param.u32 %total, [total];
                $thread_element(%i, %total)
                ld.param.u32 %n, [entries];
                ld.param.u64 %at_x, [at_x];
                ld.param.u64 %at_y, [at_y];
                ld.param.u64 %at_z, [at_z];
                ld.param.u64 %places, [places];
                cvta.to.global.u64 %at_x, %at_x;
                cvta.to.global.u64 %at_y, %at_y;
                cvta.to.global.u64 %at_z, %at_z;
                cvta.to.global.u64 %places, %places;
                mad.wide.u32 %at, %i, 4, %places;
                ld.global.u32 %from, [%at];
                mov.u32 %entry, %i;
                div.u32 %i, %i, %n;
                mul.lo.u32 %e, %i, %n;
                sub.u32 %e, %entry, %e;

            """);
        GenerateElementwise.Locate(text, rank, ["x", "y", "z"]);
        text.Append($$"""
                cvt.u64.u32 %index, %from;
                ld.param.u64 %along, [along_x];
                mad.lo.u64 %at_x, %index, %along, %at_x;
                cvt.u64.u32 %wide, %e;
                ld.param.u64 %along, [along_y];
                mad.lo.u64 %at_y, %wide, %along, %at_y;
                ld.param.u64 %along, [along_z];
                mad.lo.u64 %at_z, %wide, %along, %at_z;
                ld.global.{{type.Memory}} %x, [%at_x];
                st.global.{{type.Memory}} [%at_y], %x;
                st.global.u64 [%at_z], %index;
            DONE:
                ret;
            }

            """);
    }
}
