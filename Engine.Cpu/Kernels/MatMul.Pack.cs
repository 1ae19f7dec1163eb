using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Lays a strip of a strided matrix out in the order in which <see cref="MatMulTile{V,T}"/> reads it.</summary>
internal static unsafe class MatMulPack<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    /// <summary>How many elements beyond its end a packed strip may be overwritten.</summary>
    public const int Slack = 16;

    /// <summary>destination[k·pitch + x] = source[k·step + x·cross] for x &lt; width. What lies between
    /// width and pitch afterwards means nothing.</summary>
    /// <param name="source">Element (0, 0).</param>
    /// <param name="step">Distance along k.</param>
    /// <param name="cross">Distance across.</param>
    /// <param name="k">How many rows.</param>
    /// <param name="width">How many elements in each, at least 1.</param>
    /// <param name="destination">Room for k·pitch + <see cref="Slack"/> elements.</param>
    /// <param name="pitch">Distance of packed rows, at least <paramref name="width"/>.</param>
    public static void Run(T* source, nint step, nint cross, int k, int width, T* destination, int pitch)
    {
        if (cross == 1 || width == 1) CopyRows(source, step, k, width, destination, pitch);
        else if (step == 1 && Isa.Has256) Transpose(source, cross, k, width, destination, pitch);
        else CopyElements(source, step, cross, k, width, destination, pitch);
    }

    // Rows are stored as whole registers in ascending order: what one spills into the next is overwritten by it.
    private static void CopyRows(T* source, nint step, int k, int width, T* destination, int pitch)
    {
        if (width == V.Count)
        {
            for (; k > 0; k--, source += step, destination += pitch) V.Store(V.Load(source), destination);
            return;
        }

        if (width == 2 * V.Count)
        {
            for (; k > 0; k--, source += step, destination += pitch)
            {
                V.Store(V.Load(source), destination);
                V.Store(V.Load(source + V.Count), destination + V.Count);
            }

            return;
        }

        if (CopyPieces((byte*)source, step * sizeof(T), k, width * sizeof(T), (byte*)destination, pitch * sizeof(T))) return;
        var whole = width / V.Count * V.Count;
        for (; k > 0; k--, source += step, destination += pitch)
        {
            for (var x = 0; x < whole; x += V.Count) V.Store(V.Load(source + x), destination + x);
            if (whole < width) V.Store(V.LoadPartial(source + whole, width - whole), destination + whole);
        }
    }

    // Rows of a strip (12 elements or a few less) in two pieces, the second flush with the end: neither masks nor stores that overlap the next row's,
    // which the processor would have to wait for.
    private static bool CopyPieces(byte* source, nint step, int k, int bytes, byte* destination, nint pitch)
    {
        if (!Isa.Has256 || bytes < 32 || bytes > (Isa.Has512 ? 96 : 64)) return false;
        if (bytes <= 48)
        {
            for (; k > 0; k--, source += step, destination += pitch)
            {
                Vector256.Store(Vector256.Load(source), destination);
                Vector128.Store(Vector128.Load(source + bytes - 16), destination + bytes - 16);
            }
        }
        else if (bytes <= 64)
        {
            for (; k > 0; k--, source += step, destination += pitch)
            {
                Vector256.Store(Vector256.Load(source), destination);
                Vector256.Store(Vector256.Load(source + bytes - 32), destination + bytes - 32);
            }
        }
        else
        {
            for (; k > 0; k--, source += step, destination += pitch)
            {
                Vector512.Store(Vector512.Load(source), destination);
                Vector256.Store(Vector256.Load(source + bytes - 32), destination + bytes - 32);
            }
        }

        return true;
    }

    private static void CopyElements(T* source, nint step, nint cross, int k, int width, T* destination, int pitch)
    {
        for (; k > 0; k--, source += step, destination += pitch)
        {
            var p = source;
            for (var x = 0; x < width; x++, p += cross) destination[x] = *p;
        }
    }

    // Blocks of 8 × 8 or 4 × 8 (float) and 4 × 4 (double) are turned in registers. A block that reaches beyond the width
    // repeats the last row. The last columns come first: what their blocks spill into the next row is overwritten by the
    // blocks before them.
    private static void Transpose(T* source, nint cross, int k, int width, T* destination, int pitch)
    {
        var block = sizeof(T) == 4 ? 8 : 4;
        for (var x = (width - 1) / block * block; x >= 0; x -= block)
        {
            var rows = Math.Min(block, width - x);
            if (sizeof(T) == 8) Transpose4((double*)(source + x * cross), cross, k, rows, (double*)(destination + x), pitch);
            else if (rows <= 4) Transpose4((float*)(source + x * cross), cross, k, rows, (float*)(destination + x), pitch);
            else Transpose8((float*)(source + x * cross), cross, k, rows, (float*)(destination + x), pitch);
        }
    }

    private static void Transpose8(float* p0, nint cross, int k, int rows, float* destination, nint pitch)
    {
        float* p1 = p0 + Math.Min(1, rows - 1) * cross, p2 = p0 + Math.Min(2, rows - 1) * cross;
        float* p3 = p0 + Math.Min(3, rows - 1) * cross, p4 = p0 + Math.Min(4, rows - 1) * cross;
        float* p5 = p0 + Math.Min(5, rows - 1) * cross, p6 = p0 + Math.Min(6, rows - 1) * cross;
        float* p7 = p0 + Math.Min(7, rows - 1) * cross;
        nint i = 0;
        for (; i + 4 <= k; i += 4, destination += 4 * pitch)
        {
            // Row r beside row r + 4; turning 4 × 4 within the halves leaves eight rows' elements of one k side by side.
            var a = Vector256.Create(Vector128.Load(p0 + i), Vector128.Load(p4 + i));
            var b = Vector256.Create(Vector128.Load(p1 + i), Vector128.Load(p5 + i));
            var c = Vector256.Create(Vector128.Load(p2 + i), Vector128.Load(p6 + i));
            var d = Vector256.Create(Vector128.Load(p3 + i), Vector128.Load(p7 + i));
            var ab01 = Avx.UnpackLow(a, b);
            var ab23 = Avx.UnpackHigh(a, b);
            var cd01 = Avx.UnpackLow(c, d);
            var cd23 = Avx.UnpackHigh(c, d);
            Avx.Shuffle(ab01, cd01, 0x44).Store(destination);
            Avx.Shuffle(ab01, cd01, 0xee).Store(destination + pitch);
            Avx.Shuffle(ab23, cd23, 0x44).Store(destination + 2 * pitch);
            Avx.Shuffle(ab23, cd23, 0xee).Store(destination + 3 * pitch);
        }

        for (; i < k; i++, destination += pitch)
        {
            destination[0] = p0[i];
            destination[1] = p1[i];
            destination[2] = p2[i];
            destination[3] = p3[i];
            destination[4] = p4[i];
            destination[5] = p5[i];
            destination[6] = p6[i];
            destination[7] = p7[i];
        }
    }

    private static void Transpose4(float* p0, nint cross, int k, int rows, float* destination, nint pitch)
    {
        float* p1 = p0 + Math.Min(1, rows - 1) * cross, p2 = p0 + Math.Min(2, rows - 1) * cross;
        float* p3 = p0 + Math.Min(3, rows - 1) * cross;
        nint i = 0;
        for (; i + 4 <= k; i += 4, destination += 4 * pitch)
        {
            Vector128<float> a = Vector128.Load(p0 + i), b = Vector128.Load(p1 + i);
            Vector128<float> c = Vector128.Load(p2 + i), d = Vector128.Load(p3 + i);
            var ab01 = Sse.UnpackLow(a, b);
            var ab23 = Sse.UnpackHigh(a, b);
            var cd01 = Sse.UnpackLow(c, d);
            var cd23 = Sse.UnpackHigh(c, d);
            Sse.Shuffle(ab01, cd01, 0x44).Store(destination);
            Sse.Shuffle(ab01, cd01, 0xee).Store(destination + pitch);
            Sse.Shuffle(ab23, cd23, 0x44).Store(destination + 2 * pitch);
            Sse.Shuffle(ab23, cd23, 0xee).Store(destination + 3 * pitch);
        }

        for (; i < k; i++, destination += pitch)
        {
            destination[0] = p0[i];
            destination[1] = p1[i];
            destination[2] = p2[i];
            destination[3] = p3[i];
        }
    }

    private static void Transpose4(double* p0, nint cross, int k, int rows, double* destination, nint pitch)
    {
        double* p1 = p0 + Math.Min(1, rows - 1) * cross, p2 = p0 + Math.Min(2, rows - 1) * cross;
        double* p3 = p0 + Math.Min(3, rows - 1) * cross;
        nint i = 0;
        for (; i + 2 <= k; i += 2, destination += 2 * pitch)
        {
            var a = Vector256.Create(Vector128.Load(p0 + i), Vector128.Load(p2 + i));
            var b = Vector256.Create(Vector128.Load(p1 + i), Vector128.Load(p3 + i));
            Avx.UnpackLow(a, b).Store(destination);
            Avx.UnpackHigh(a, b).Store(destination + pitch);
        }

        for (; i < k; i++, destination += pitch)
        {
            destination[0] = p0[i];
            destination[1] = p1[i];
            destination[2] = p2[i];
            destination[3] = p3[i];
        }
    }
}
