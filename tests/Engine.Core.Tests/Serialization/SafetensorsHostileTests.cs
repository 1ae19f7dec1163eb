using System.Buffers.Binary;
using System.Text;
using Edifice.Engine.Serialization;

namespace Edifice.Engine.Tests.Serialization;

public sealed class SafetensorsHostileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Headers that break one rule each: the header, the bytes after it, the tensor and the words the error must
    /// carry.</summary>
    public static TheoryData<string, int, string?, string> BrokenHeaders => new()
    {
        { "", 0, null, "begin with '{'" },
        { " {}", 0, null, "begin with '{'" },
        { "[]", 0, null, "begin with '{'" },
        { "{", 0, null, "not valid JSON" },
        { "{}}", 0, null, "not valid JSON" },
        { "{} x", 0, null, "not valid JSON" },
        { "{\"a\" 1}", 0, null, "not valid JSON" },
        { "{/* no */}", 0, null, "not valid JSON" },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},}", 1, null, "not valid JSON" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]", 4, "a", "not valid JSON" },
        { "{\"\\ud800\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, null, "not text" },
        { "{\"__metadata__\":{\"k\":\"\\udc00\"}}", 0, null, "not text" },
        { "{\"a\":1}", 0, "a", "must be an object, not a number" },
        { "{\"a\":[]}", 0, "a", "must be an object, not a list" },
        { "{\"a\":null}", 0, "a", "must be an object, not null" },
        { "{\"a\":{}}", 0, "a", "dtype is missing" },
        { "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "a", "shape is missing" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "a", "data_offsets is missing" },
        { "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "a", "dtype must not appear twice" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "a", "shape must not appear twice" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"data_offsets\":[0,4]}}", 4, "a", "data_offsets must not appear twice" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"extra\":1}}", 4, "a", "'extra'" },
        { "{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "a", "dtype must be a string" },
        { "{\"a\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "a", "'F33' is not a dtype" },
        { "{\"a\":{\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "a", "'f32' is not a dtype" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":4,\"data_offsets\":[0,4]}}", 4, "a", "shape must be a list" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "a", "an extent must be a whole number" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, "a", "an extent must be a whole number" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1e0],\"data_offsets\":[0,4]}}", 4, "a", "an extent must be a whole number" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}", 4, "a", "an extent must be a whole number" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[[1]],\"data_offsets\":[0,4]}}", 4, "a", "maximum configured depth" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,4]}}", 4, "a", "an extent must be a whole number" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2147483648],\"data_offsets\":[0,4]}}", 4, "a", "at most 2147483647 entries" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "a", "at most 8 axes" },
        { "{\"a\":{\"dtype\":\"F64\",\"shape\":[2147483647,2147483647,2147483647],\"data_offsets\":[0,8]}}", 8, "a", "more than can be addressed" },
        { "{\"a\":{\"dtype\":\"F64\",\"shape\":[65536,65536,65536,65536],\"data_offsets\":[0,0]}}", 0, "a", "more than can be addressed" },
        { "{\"a\":{\"dtype\":\"F64\",\"shape\":[2147483647,2147483647,2147483647,0],\"data_offsets\":[0,0]}}", 0, "a", "more than can be addressed" },
        { "{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", 2, "a", "do not fill whole bytes" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "a", "two numbers" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4, "a", "two numbers" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "a", "an offset must be a whole number" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "a", "end before they begin" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,5]}}", 5, "a", "span 5 bytes, but F32 [1] takes 4" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,4]}}", 4, "a", "span 4 bytes, but F32 [0] takes 0" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,0]}}", 0, "a", "span 0 bytes, but F32 [] takes 4" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 3, "a", "ends at byte 4 of the data, but the file holds only 3" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[9223372036854775803,9223372036854775807]}}", 4, "a", "no gap" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "a", "no gap" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}", 12, "b", "no gap" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}", 6, "b", "must not overlap" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "b", "must not overlap" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[4,4]}}", 8, "b", "must not overlap" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5, null, "every byte must belong to a tensor" },
        { "{}", 1, null, "every byte must belong to a tensor" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "a", "the name must not appear twice" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"\\u0061\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "a", "the name must not appear twice" },
        { "{\"__metadata__\":1}", 0, null, "must be an object" },
        { "{\"__metadata__\":{\"epoch\":3}}", 0, null, "the metadata value of 'epoch' must be a string, not a number" },
        { "{\"__metadata__\":{\"epoch\":{}}}", 0, null, "must be a string, not an object" },
        { "{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, null, "'k' must not appear twice" },
        { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, null, "must not appear twice" },
    };

    [Theory]
    [MemberData(nameof(BrokenHeaders))]
    public void A_broken_header_is_named_with_its_tensor_and_rule(string header, int dataBytes, string? tensor, string rule)
    {
        var error = Refused(FileOf(Encoding.UTF8.GetBytes(header), dataBytes));

        Assert.Equal(tensor, error.Tensor);
        Assert.Contains(rule, error.Rule);
        Assert.Contains(_folder.At("bad"), error.Message);
    }

    [Theory]
    [InlineData("{\"a\":")]
    [InlineData("{\"a\":{\"dtype\":")]
    [InlineData("{\"__metadata__\":{\"k\":")]
    public void Deep_nesting_is_refused_without_recursion(string before)
    {
        var header = before + new string('[', 1_000_000);

        _ = Refused(FileOf(Encoding.UTF8.GetBytes(header), 0));
    }

    [Theory]
    [InlineData(0xFF)]
    [InlineData(0xC0)]
    [InlineData(0x80)]
    public void Bytes_that_are_not_UTF8_are_refused(byte bad)
    {
        byte[] header = [.. "{\"__metadata__\":{\"k\":\""u8, bad, .. "\"}}"u8];

        Assert.Contains("not valid UTF-8", Refused(FileOf(header, 0)).Rule);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    public void A_file_too_short_for_the_length_of_its_header_is_refused(int length) =>
        Assert.Contains($"the file has {length} bytes", Refused(new byte[length]).Rule);

    [Theory]
    [InlineData(3UL, "only 2 follow")]
    [InlineData(100_000_000UL, "only 2 follow")]
    [InlineData(100_000_001UL, "the format allows 100000000")]
    [InlineData(0x8000000000000000UL, "the format allows 100000000")]
    [InlineData(ulong.MaxValue, "the format allows 100000000")]
    public void A_header_longer_than_the_file_or_the_format_allows_is_refused(ulong claimed, string rule)
    {
        var bytes = FileOf("{}"u8.ToArray(), 0);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, claimed);

        Assert.Contains(rule, Refused(bytes).Rule);
    }

    [Fact]
    public void Every_truncation_of_a_valid_file_is_refused()
    {
        StoredTensor.Write(_folder.At("good"), [new("w", DType.Float32, [3, 2], 1), new("b", DType.Bool, [5], 2)], [new("k", "v")]);
        var whole = File.ReadAllBytes(_folder.At("good"));

        for (var length = 0; length < whole.Length; length++) _ = Refused(whole[..length]);
    }

    [Fact]
    public void A_small_file_that_claims_much_allocates_little()
    {
        var bytes = FileOf(Encoding.UTF8.GetBytes("{\"a\":{\"dtype\":\"F32\",\"shape\":[2000000000],\"data_offsets\":[0,8000000000]}}"), 4);
        _ = Refused(bytes);
        var before = GC.GetAllocatedBytesForCurrentThread();

        _ = Refused(bytes);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
    }

    [Theory]
    [InlineData("U8", 1)]
    [InlineData("I8", 1)]
    [InlineData("I16", 2)]
    [InlineData("U16", 2)]
    [InlineData("U32", 4)]
    [InlineData("U64", 8)]
    [InlineData("F8_E4M3", 1)]
    [InlineData("F8_E5M2", 1)]
    [InlineData("C64", 8)]
    public void A_type_the_engine_lacks_is_listed_but_not_read(string format, int size)
    {
        var header = $"{{\"img\":{{\"dtype\":\"{format}\",\"shape\":[3],\"data_offsets\":[0,{3 * size}]}},"
            + $"\"w\":{{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[{3 * size},{3 * size + 4}]}}}}";
        File.WriteAllBytes(_folder.At("mixed"), FileOf(Encoding.UTF8.GetBytes(header), 3 * size + 4));
        using var file = SafetensorsFile.Open(_folder.At("mixed"));

        var error = Assert.Throws<SafetensorsException>(() => file.Read("img"));

        Assert.Equal("img", error.Tensor);
        Assert.Contains(format, error.Rule);
        Assert.Equal((null, format, 3L * size), (file.Tensors["img"].DType, file.Tensors["img"].Format, file.Tensors["img"].ByteLength));
        Assert.Equal(1, file.Read("w").Count);
    }

    [Fact]
    public void A_truth_value_other_than_0_and_1_is_refused()
    {
        var bytes = FileOf("{\"m\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[0,3]}}"u8.ToArray(), 3);
        bytes[^1] = 2;
        File.WriteAllBytes(_folder.At("bool"), bytes);
        using var file = SafetensorsFile.Open(_folder.At("bool"));

        var error = Assert.Throws<SafetensorsException>(() => file.Read("m"));

        Assert.Equal(("m", "element 2 is 2: a BOOL is 0 or 1"), (error.Tensor, error.Rule));
    }

    [Fact]
    public void A_hostile_name_is_cut_and_escaped_in_the_message()
    {
        var error = Refused(FileOf(Encoding.UTF8.GetBytes($"{{\"\\u001b[31m{new string('n', 100_000)}\":1}}"), 0));

        Assert.InRange(error.Message.Length, 1, 500);
        Assert.DoesNotContain('\u001b', error.Message);
    }

    [Fact]
    public void A_file_shortened_while_open_is_an_error_and_not_a_crash()
    {
        StoredTensor.Write(_folder.At("a"), [new("w", DType.Float32, [1 << 20], 1)]);
        using var file = SafetensorsFile.Open(_folder.At("a"));
        if (OperatingSystem.IsWindows())
        {
            // There a mapped file cannot be shortened at all.
            Assert.ThrowsAny<IOException>(Shorten);
            return;
        }

        Shorten();

        Assert.Contains("shortened", Assert.Throws<SafetensorsException>(() => file.Read("w")).Rule);

        void Shorten()
        {
            using var writer = new FileStream(_folder.At("a"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            writer.SetLength(4096);
        }
    }

    private SafetensorsException Refused(byte[] file)
    {
        File.WriteAllBytes(_folder.At("bad"), file);
        return Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(_folder.At("bad")).Dispose());
    }

    private static byte[] FileOf(byte[] header, int dataBytes)
    {
        var length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        return [.. length, .. header, .. new byte[dataBytes]];
    }
}
