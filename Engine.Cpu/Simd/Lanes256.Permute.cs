using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edifice.Engine.Cpu.Simd;

// The instructions for 256 bits work within halves of 128; a second permutation brings the halves into order.
internal readonly unsafe partial struct Lanes256<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> ZipLow(Lanes256<T> a, Lanes256<T> b) => sizeof(T) == 4
        ? new(Avx2.Permute2x128(
            Avx2.UnpackLow(a._v.As<T, int>(), b._v.As<T, int>()), Avx2.UnpackHigh(a._v.As<T, int>(), b._v.As<T, int>()), 0x20).As<int, T>())
        : new(Avx2.Permute2x128(
            Avx2.UnpackLow(a._v.As<T, long>(), b._v.As<T, long>()), Avx2.UnpackHigh(a._v.As<T, long>(), b._v.As<T, long>()), 0x20).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> ZipHigh(Lanes256<T> a, Lanes256<T> b) => sizeof(T) == 4
        ? new(Avx2.Permute2x128(
            Avx2.UnpackLow(a._v.As<T, int>(), b._v.As<T, int>()), Avx2.UnpackHigh(a._v.As<T, int>(), b._v.As<T, int>()), 0x31).As<int, T>())
        : new(Avx2.Permute2x128(
            Avx2.UnpackLow(a._v.As<T, long>(), b._v.As<T, long>()), Avx2.UnpackHigh(a._v.As<T, long>(), b._v.As<T, long>()), 0x31).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> UnzipEven(Lanes256<T> a, Lanes256<T> b) => sizeof(T) == 4
        ? new(Avx2.Permute4x64(Avx.Shuffle(a._v.As<T, float>(), b._v.As<T, float>(), 0x88).As<float, long>(), 0xD8).As<long, T>())
        : new(Avx2.Permute4x64(Avx2.UnpackLow(a._v.As<T, long>(), b._v.As<T, long>()), 0xD8).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> UnzipOdd(Lanes256<T> a, Lanes256<T> b) => sizeof(T) == 4
        ? new(Avx2.Permute4x64(Avx.Shuffle(a._v.As<T, float>(), b._v.As<T, float>(), 0xDD).As<float, long>(), 0xD8).As<long, T>())
        : new(Avx2.Permute4x64(Avx2.UnpackHigh(a._v.As<T, long>(), b._v.As<T, long>()), 0xD8).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Reverse(Lanes256<T> a) => sizeof(T) == 4
        ? new(Vector256.Shuffle(a._v.As<T, int>(), Vector256.Create(7, 6, 5, 4, 3, 2, 1, 0)).As<int, T>())
        : new(Vector256.Shuffle(a._v.As<T, long>(), Vector256.Create(3L, 2, 1, 0)).As<long, T>());
}
