# Macros that make another Boost.Asio. The compiler does not compare those of a module with those of its importer, and
# a program that mixes them does not compile, or crashes. Those that the library is compiled with, its users get from
# it; each of the others is refused with one sentence, see asio_settings.hpp.in.

set(asio_macros
  BOOST_ASIO_NO_DEPRECATED
  BOOST_ASIO_ENABLE_HANDLER_TRACKING BOOST_ASIO_CUSTOM_HANDLER_TRACKING
  BOOST_ASIO_ENABLE_BUFFER_DEBUGGING _GLIBCXX_DEBUG  # the second one implies the first
  BOOST_ASIO_USE_TS_EXECUTOR_AS_DEFAULT
  BOOST_ASIO_HAS_IO_URING BOOST_ASIO_HAS_IO_URING_AS_DEFAULT
  BOOST_ASIO_DISABLE_EPOLL BOOST_ASIO_DISABLE_EVENTFD BOOST_ASIO_DISABLE_TIMERFD
  BOOST_ASIO_DISABLE_THREADS BOOST_ASIO_DISABLE_STD_THREAD BOOST_ASIO_DISABLE_STD_MUTEX_AND_CONDVAR
  BOOST_ASIO_DISABLE_STD_ATOMIC BOOST_ASIO_DISABLE_STD_CHRONO BOOST_ASIO_DISABLE_STD_SHARED_PTR
  BOOST_ASIO_DISABLE_STD_FUNCTION BOOST_ASIO_DISABLE_CO_AWAIT BOOST_ASIO_DISABLE_STD_COROUTINE
  BOOST_ASIO_DISABLE_CONCEPTS BOOST_ASIO_DISABLE_MOVE
  # What one side allocates in another way than the other frees it.
  BOOST_ASIO_DISABLE_SMALL_BLOCK_RECYCLING BOOST_ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING
  BOOST_ASIO_DISABLE_STD_ALIGNED_ALLOC BOOST_ASIO_DISABLE_STD_ALIGN)

get_directory_property(asio_given COMPILE_DEFINITIONS)
get_directory_property(asio_options COMPILE_OPTIONS)
string(TOUPPER "${CMAKE_BUILD_TYPE}" asio_build_type)
set(asio_given " ${asio_given} ${asio_options} ${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${asio_build_type}} ")
set(HOLDFAST_ASIO_REFUSALS "")
set(pc_macros "")
foreach(macro IN LISTS asio_macros)
  if(asio_given MATCHES "[ ;D]${macro}(=[^ ;]*)?[ ;]")
    set(definition "${macro}${CMAKE_MATCH_1}")
    string(APPEND pc_macros " -D${definition}")
    foreach(form IN LISTS HOLDFAST_FORMS)
      target_compile_definitions(${form} INTERFACE "${definition}")
    endforeach()
  else()
    string(APPEND HOLDFAST_ASIO_REFUSALS
      "#if defined(${macro}) && !defined(HOLDFAST_REFUSES_${macro})\n"
      "#define HOLDFAST_REFUSES_${macro}\n"
      "#error \"holdfast is compiled without ${macro}, which changes Boost.Asio: define it for holdfast as well "
      "(add_compile_definitions above holdfast, or CMAKE_CXX_FLAGS when you build it), or not at all\"\n"
      "#endif\n")
  endif()
endforeach()

set(asio_settings_folder ${PROJECT_BINARY_DIR}/asio_settings)
configure_file(${PROJECT_SOURCE_DIR}/cmake/asio_settings.hpp.in ${asio_settings_folder}/holdfast/asio_settings.hpp @ONLY)
foreach(form IN LISTS HOLDFAST_FORMS)
  target_include_directories(${form} PUBLIC
    $<BUILD_INTERFACE:${asio_settings_folder}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_options(${form} INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include holdfast/asio_settings.hpp>")
endforeach()
install(FILES ${asio_settings_folder}/holdfast/asio_settings.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/holdfast
  COMPONENT dev)
