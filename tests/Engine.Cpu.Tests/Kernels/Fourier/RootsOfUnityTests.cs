using Edifice.Engine.Cpu.Kernels.Fourier;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels.Fourier;

public class RootsOfUnityTests
{
    [Property(MaxTest = 1000)]
    public bool Symmetric_roots_have_equal_bits(int k, ushort m)
    {
        var n = 4L * (m + 1);
        var (c, s) = RootsOfUnity.At(k, n);
        return RootsOfUnity.At(-(long)k, n) == (c, -s)
            && RootsOfUnity.At(k + n, n) == (c, s)
            && RootsOfUnity.At(k + n / 4, n) == (-s, c)
            && RootsOfUnity.At(n / 4 - k, n) == (s, c);
    }

    [Property(MaxTest = 1000)]
    public bool Roots_are_within_two_ulps_of_the_library_sine_of_a_small_argument(ushort k, ushort n)
    {
        // Arguments up to a quarter turn need no reduction, so the library is a fair second opinion there.
        var size = n + 1L;
        var angle = Math.PI * 2 * (k % size) / size;
        if (angle > Math.PI / 2) return true;
        var (c, s) = RootsOfUnity.At(k, size);
        return Math.Abs(c - Math.Cos(angle)) <= 4.5e-16 && Math.Abs(s - Math.Sin(angle)) <= 4.5e-16;
    }

    [Theory]
    [InlineData(0, 5, 1, 0)]
    [InlineData(2, 8, 0, 1)]
    [InlineData(long.MaxValue / 16 * 8, 8, 1, 0)]
    [InlineData(4, 8, -1, 0)]
    [InlineData(6, 8, 0, -1)]
    public void Quarter_turns_are_exact(long k, long n, double cos, double sin) => Assert.Equal((cos, sin), RootsOfUnity.At(k, n));
}
